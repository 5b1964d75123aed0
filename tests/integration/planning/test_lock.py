"""The lock is PEP 751, and the same questions get the same answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from packaging.pylock import Pylock

from comfyui_safe_install.resolver.core.gather import gather
from comfyui_safe_install.resolver.core.types import Gathered
from comfyui_safe_install.resolver.engine.planned import Options
from comfyui_safe_install.tests.integration.planning.workbench import Workbench, changes, decision, finding
from comfyui_safe_install.tests.kit.wheels import make_sdist

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib


@pytest.fixture
def busy(bench: Workbench) -> Workbench:
    """A host with something of everything: kept, changed, built, overruled, left out."""
    bench.requires("torch", "numpy")
    bench.install("torch", "2.5.1+cu121", "numpy")
    bench.install("numpy", "2.0")
    bench.install("rich", "13.0")
    bench.install("opencv-python", "4.10.0.84")
    for name, version in (
        ("rich", "14.0"),
        ("markup", "1.0"),
        ("opencv-contrib-python-headless", "4.10.0.84"),
    ):
        bench.offer(name, version)
    bench.offer("torch", "2.6.0")
    bench.offer("tool", "1.0", "markup", "numpy<2", "xformers")
    make_sdist(bench.index.folder, "built", "1.0")
    return bench


LINES = (
    "torch==2.6",
    "rich>=14",
    "tool",
    "opencv-contrib-python",
    "built",
    "asyncio",
    "nosuchpackage",
    "xformers",
)


def read(text: str) -> Pylock:
    """The lock, held to PEP 751."""
    return Pylock.from_dict(tomllib.loads(text))


def test_the_lock_is_valid_and_complete(busy: Workbench) -> None:
    """What is staged has exactly what changes, with URL and hash; the full lock has what an index can give."""
    plan = busy.plan(busy.pack("A", *LINES), allow=["builds"])
    arriving = {change.name: change.after for change in plan.changes if change.action != "remove"}
    staged = read(plan.pylock)
    assert {package.name: str(package.version) for package in staged.packages} == arriving
    for package in staged.packages:
        files = [(file.url, file.hashes) for file in package.wheels or ()]
        files += [(package.sdist.url, package.sdist.hashes)] if package.sdist else []
        assert files
        assert all(url and len(hashes["sha256"]) == 64 for url, hashes in files)
    full: dict[str, str] = {package.name: str(package.version) for package in read(plan.full_pylock).packages}
    assert full.items() <= plan.versions.items()
    assert "torch" not in full
    assert full["numpy"] == "2.0"
    assert plan.versions["torch"] == "2.5.1+cu121"
    assert "opencv-python" not in plan.versions


def test_the_lock_is_written_beside_the_state(busy: Workbench) -> None:
    """As `pylock.toml`, for people and for other tools."""
    session = busy.session()
    busy.own_pack("A", "rich>=14")
    with session.plan_sync(Options(), operation="lock") as planned:
        path = session.write_lock(planned)
    assert path.name == "pylock.toml"
    assert {package.name for package in read(path.read_text()).packages} >= {"rich", "numpy"}


def test_the_same_inputs_give_the_same_fingerprint(busy: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again, with nothing remembered by us, and with nothing remembered by uv."""
    source = busy.pack("A", *LINES)
    first = busy.plan(source, allow=["builds"])
    again = busy.plan(source, allow=["builds"])
    shutil.rmtree(busy.comfy / "user" / "__safe_install", ignore_errors=True)
    monkeypatch.setenv("UV_CACHE_DIR", str(busy.root / "another-cache"))
    cold = busy.plan(source, allow=["builds"])
    assert first.fingerprint == again.fingerprint == cold.fingerprint
    assert first.to_dict() == again.to_dict() == cold.to_dict()


def test_the_order_of_packs_does_not_matter(busy: Workbench) -> None:
    """Merged is merged: whoever is named first gets no advantage."""
    busy.offer("rich", "13.5")
    sources = [
        busy.pack("A", "rich==13.5", "tool"),
        busy.pack("B", "rich>=14"),
        busy.pack("C", "markup", "rich<14"),
    ]
    assert busy.plan(*sources).fingerprint == busy.plan(*reversed(sources)).fingerprint


def test_what_differs_has_another_fingerprint(busy: Workbench) -> None:
    """Another environment, another pack, another consent: only the plan that was shown is applied."""
    source = busy.pack("A", "rich>=14")
    seen = {busy.plan(source).fingerprint, busy.plan(source, allow=["urls"]).fingerprint}
    busy.install("late", "1.0")
    seen.add(busy.plan(source).fingerprint)
    (Path(source) / "more.py").write_text("x = 1\n")
    seen.add(busy.plan(source).fingerprint)
    busy.offer("rich", "15.0")
    seen.add(busy.plan(source).fingerprint)
    assert len(seen) == 5


def test_every_line_ends_in_one_way(busy: Workbench) -> None:
    """Taken, decided or found: none is lost, none has two ends, also where several stand in one line of a file."""
    project = (
        '[project]\nname = "a"\nversion = "1"\n'
        'dependencies = ["markup", "nosuchpackage", "torch>=3", "rich; python_version < \'3\'"]\n'
    )
    limits = "-c limits.txt"
    files = {"pyproject.toml": project, "limits.txt": "markup<2\nrich\n"}
    busy.own_pack("Old", "rich>=99", "markup")
    source = busy.pack("A", *LINES, limits, "--pre", "numpy<1>=2", files=files)
    plan = busy.plan(source, allow=["builds"])
    gathered = gather(
        "A", lambda path: (Path(source) / path).read_bytes(), ["requirements.txt", "pyproject.toml"]
    )
    assert_all_ended(gathered, plan.to_dict())
    ends = {(line.file, line.text): (line.outcome, line.detail) for line in plan.lines if line.pack == "A"}
    assert ends["pyproject.toml", "markup"] == ("taken", "")
    assert ends["pyproject.toml", "nosuchpackage"] == ("finding", "line-no-such-package")
    assert ends["pyproject.toml", "torch>=3"] == ("decision", "torch-family")
    assert ends["pyproject.toml", "rich; python_version < '3'"] == ("taken", "not-applicable")
    assert ends["requirements.txt", "--pre"] == ("finding", "option-not-used")
    assert ends["requirements.txt", "limits.txt"] == ("taken", "")
    assert ends["requirements.txt", "asyncio"] == ("decision", "standard-library")


def assert_all_ended(gathered: Gathered, plan: dict[str, object]) -> None:
    """Each line, option and include of the pack has exactly one outcome in the plan."""
    ended = plan["lines"]
    assert isinstance(ended, list)
    keys = [(line["file"], line["line"], line["text"]) for line in ended if line["pack"] == gathered.pack]
    assert len(keys) == len(set(keys))
    wanted = [(line.file, line.line, line.text) for line in gathered.lines]
    wanted += [(each.file, each.line, f"{each.option} {each.value}".strip()) for each in gathered.options]
    wanted += [(each.file, each.line, each.target) for each in gathered.includes]
    assert set(wanted) <= set(keys)


def test_a_rule_of_the_users_own(busy: Workbench) -> None:
    """rules.toml in the state folder adds to the shipped rules, replaces them, and takes them away."""
    state = busy.root / "state"
    state.mkdir()
    (state / "rules.toml").write_text(
        '[[rule]]\ncode = "my-markup"\nkind = "keep"\nsays = "Mine."\npackages = ["markup"]\n'
        '[[rule]]\ncode = "opencv-one-owner"\ndisabled = true\n'
        '[[rule]]\ncode = "my-names"\nkind = "rename"\nsays = "Ours."\nnames = { yaml = "rich" }\n'
    )
    plan = busy.plan(busy.pack("A", "markup", "opencv-contrib-python-headless", "yaml>=14"), state=state)
    assert changes(plan) == {"opencv-contrib-python-headless": "4.10.0.84", "rich": "14.0"}
    assert finding(plan, "my-markup-not-installed").pack == "A"


def test_decisions_are_in_the_plan_as_data(busy: Workbench) -> None:
    """Package, rule, choice, who wanted what, whose line is violated, and why."""
    plan = busy.plan(busy.pack("A", "torch==2.6"))
    assert decision(plan, "torch").to_dict() == {
        "package": "torch",
        "rule": "torch-family",
        "chosen": "2.5.1+cu121",
        "wanted": [
            {"pack": "(installed)", "requirement": "torch==2.5.1+cu121"},
            {"pack": "A", "requirement": "torch==2.6"},
        ],
        "violates": [{"pack": "A", "requirement": "torch==2.6"}],
        "reason": decision(plan, "torch").reason,
        "alternatives": [],
        "follows": {},
    }
    assert "exactly as installed" in decision(plan, "torch").reason
