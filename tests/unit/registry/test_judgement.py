"""What may be installed, told before a byte is downloaded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from comfyui_safe_install.resolver.core.gather import gather
from comfyui_safe_install.resolver.core.registry import RegistryPack, RegistryVersion, Support
from comfyui_safe_install.resolver.core.registry_judgement import Here, here_of, judge, no_version
from comfyui_safe_install.resolver.core.registry_preview import differing
from comfyui_safe_install.resolver.core.types import Distribution, Environment, PythonInfo

HERE = Here(system="Linux", accelerator="CUDA", comfyui="0.3.64", frontend="1.28.7")
PACK = RegistryPack(id="flux-tools")
VERSION = RegistryVersion(pack="flux-tools", version="1.0.0")


def told(
    *, pack: RegistryPack = PACK, version: RegistryVersion | None = VERSION, allowed: tuple[str, ...] = ()
) -> tuple[list[str], list[str]]:
    """Codes of findings and of refusals."""
    found = judge(pack, version, HERE, allowed)
    return [each.code for each in found.findings], [each.code for each in found.refusals]


def test_nothing_is_said_of_a_sound_version() -> None:
    """No finding, no refusal; for its repository neither."""
    assert told() == ([], [])
    assert told(version=None) == ([], [])


@pytest.mark.parametrize(
    ("status", "findings", "refusals"),
    [
        ("banned", [], ["registry-banned"]),
        ("deleted", [], ["registry-deleted"]),
        ("flagged", [], ["registry-flagged"]),
        ("pending", ["registry-pending"], []),
        ("quarantined", ["registry-status-unknown"], []),
    ],
)
def test_each_status_of_a_version(status: str, findings: list[str], refusals: list[str]) -> None:
    """What the Registry has decided refuses; what it has not looked at is told."""
    version = replace(VERSION, status=status, status_reason="because\nof \u202ethis")
    assert told(version=version) == (findings, refusals)
    assert all("\n" not in each.message for each in judge(PACK, version, HERE).refusals)


def test_a_flagged_version_can_be_allowed() -> None:
    """With the user's word it is installed, and still told."""
    assert told(version=replace(VERSION, status="flagged"), allowed=("flagged",)) == (
        ["registry-flagged"],
        [],
    )


@pytest.mark.parametrize("status", ["banned", "deleted"])
def test_a_pack_that_is_out_is_refused_in_every_version(status: str) -> None:
    """Its repository too."""
    pack = replace(PACK, status=status)
    assert told(pack=pack) == ([], [f"registry-{status}"])
    assert told(pack=pack, version=None, allowed=("flagged",)) == ([], [f"registry-{status}"])


def test_deprecation_is_told() -> None:
    """It is the author's advice, and no refusal."""
    assert told(version=replace(VERSION, deprecated=True)) == (["registry-deprecated"], [])


@pytest.mark.parametrize(
    ("support", "code"),
    [
        (Support(systems=("Windows", "macOS")), "registry-system-unsupported"),
        (Support(systems=("Microsoft :: Windows",)), "registry-system-unsupported"),
        (Support(systems=("POSIX :: Linux",)), ""),
        (Support(systems=("POSIX",)), ""),
        (Support(systems=("OS Independent",)), ""),
        (Support(systems=("Plan 9",)), ""),
        (Support(accelerators=("ROCm",)), "registry-accelerator-unsupported"),
        (Support(accelerators=("GPU :: AMD ROCm", "GPU :: NVIDIA CUDA")), ""),
        (Support(accelerators=("CPU",)), "registry-accelerator-unsupported"),
        (Support(comfyui=">=0.4"), "registry-comfyui-unsupported"),
        (Support(comfyui=">=0.3.0,<0.4"), ""),
        (Support(comfyui="*"), ""),
        (Support(comfyui="^1.0"), "registry-range-unreadable"),
        (Support(frontend="<1.20"), "registry-frontend-unsupported"),
    ],
)
def test_what_its_author_says_it_runs_on(support: Support, code: str) -> None:
    """Told where it does not fit, whether the version says it or the pack; nobody's guess refuses."""
    expected: tuple[list[str], list[str]] = ([code] if code else [], [])
    assert told(version=replace(VERSION, support=support)) == expected
    assert told(pack=replace(PACK, support=support)) == expected
    assert judge(replace(PACK, support=support), VERSION, Here()).findings == ()


def test_what_there_is_instead_of_a_version() -> None:
    """A pack nobody has claimed can be had as its repository."""
    said = no_version(
        RegistryPack(id="old", publisher_name="Unclaimed", repository="https://example.org/old")
    )
    assert said.code == "registry-no-version"
    assert "old@nightly" in said.hints[0].text


@pytest.mark.parametrize(
    ("torch", "others", "system", "accelerator"),
    [
        ("2.5.1+cu121", (), "Linux", "CUDA"),
        ("2.5.1+rocm6.2", (), "Linux", "ROCm"),
        ("2.5.1+cpu", (), "Linux", "CPU"),
        ("2.5.1+xpu", (), "Windows", "XPU"),
        ("2.5.1", ("nvidia-cuda-runtime-cu12",), "Linux", "CUDA"),
        ("2.5.1", (), "Linux", ""),
        ("2.5.1", (), "Windows", "CPU"),
        ("2.5.1", (), "Darwin", "Metal"),
        ("", (), "Linux", ""),
    ],
)
def test_the_accelerator_is_what_torch_was_built_for(
    torch: str, others: tuple[str, ...], system: str, accelerator: str
) -> None:
    """Nobody asks the hardware: a build for another one would not use it."""
    versions = {
        **({"torch": torch} if torch else {}),
        **dict.fromkeys(others, "1"),
        "comfyui-frontend-package": "1.2",
    }
    environment = Environment(
        python=_python(system),
        distributions=tuple(
            Distribution(name=name, version=version, site="/", metadata_dir="", record_digest="")
            for name, version in versions.items()
        ),
    )
    here = here_of(environment, "0.3.64")
    assert (here.accelerator, here.comfyui, here.frontend) == (accelerator, "0.3.64", "1.2")


def _python(system: str) -> PythonInfo:
    return PythonInfo(
        executable="/python",
        version="3.12.0",
        implementation="cpython",
        prefix="/",
        base_prefix="/",
        purelib="/",
        platlib="/",
        scripts="/",
        data="/",
        headers="/",
        platform="any",
        markers={"platform_system": system},
    )


@pytest.mark.parametrize(
    ("dependencies", "requirements", "words"),
    [
        (["numpy>=2", "# a comment", ""], "numpy >= 2\n", ""),
        (["Pillow"], "pillow\n", ""),
        (["numpy"], "numpy\nscipy\n", "it also asks for scipy"),
        (["numpy", "torch"], "numpy\n", "not for torch"),
    ],
)
def test_the_preview_is_compared_with_the_files(
    dependencies: list[str], requirements: str, words: str
) -> None:
    """Told where the Registry and the files differ; another way of writing is no difference."""
    gathered = gather("x", lambda _: requirements.encode(), ("requirements.txt",))
    found = differing("x", dependencies, gathered)
    assert [each.code for each in found] == (["registry-dependencies-differ"] if words else [])
    assert all(words in each.message for each in found)
