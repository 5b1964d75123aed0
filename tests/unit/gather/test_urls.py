"""Requirements that are URLs."""

from __future__ import annotations

import pytest

from comfyui_safe_install.resolver.core.place import Place
from comfyui_safe_install.resolver.core.requirement_text import read_requirement
from comfyui_safe_install.resolver.core.types import Finding, RequirementLine

PLACE = Place(pack="pack", file="requirements.txt", line=7)
WHEEL = "https://example.org/download/v0.0.10/exllamav2-0.0.10+cu121-cp311-cp311-win_amd64.whl"


def taken(text: str) -> RequirementLine:
    """The line, which must not be refused."""
    line = read_requirement(text, PLACE)
    assert isinstance(line, RequirementLine), line
    return line


@pytest.mark.parametrize(
    ("text", "requirement"),
    [
        (WHEEL, f"exllamav2@ {WHEEL}"),
        (f'{WHEEL}; os_name == "nt"', f'exllamav2@ {WHEEL} ; os_name == "nt"'),
        (f'{WHEEL} ; os_name == "nt"', f'exllamav2@ {WHEEL} ; os_name == "nt"'),
        (f"{WHEEL}[gpu]", f"exllamav2[gpu]@ {WHEEL}"),
        (f"exllamav2 @ {WHEEL}", f"exllamav2@ {WHEEL}"),
        (f'exllamav2 @ {WHEEL}; os_name == "nt"', f'exllamav2@ {WHEEL} ; os_name == "nt"'),
        (f"exllamav2[gpu]@{WHEEL}", f"exllamav2[gpu]@ {WHEEL}"),
        ("clip @ git+https://example.org/o/CLIP.git", "clip@ git+https://example.org/o/CLIP.git"),
        ("clip @ https://example.org/c.zip#sha256=ab", "clip@ https://example.org/c.zip#sha256=ab"),
        (
            "git+https://example.org/o/r.git@v1#egg=sam&subdirectory=x",
            "sam@ git+https://example.org/o/r.git@v1#egg=sam&subdirectory=x",
        ),
        ("git+ssh://git@example.org/o/r.git#egg=a[b]", "a[b]@ git+ssh://git@example.org/o/r.git#egg=a"),
    ],
)
def test_a_url_with_a_name_becomes_a_named_requirement(text: str, requirement: str) -> None:
    """The name is taken from the line, the wheel's file name or `#egg=`; the marker stays."""
    line = taken(text)
    assert str(line.requirement).replace(" @ ", "@ ") == requirement
    assert line.url == (line.requirement.url if line.requirement else None)
    assert (line.line, line.marker) == (7, "")


@pytest.mark.parametrize(
    "url",
    [
        "git+https://example.org/o/r.git",
        "git+https://example.org/o/r.git@dev-fix",
        "https://example.org/o/r/archive/main.zip",
        "https://example.org/a-1.0.tar.gz",
        "https://github.com/o/r/archive/refs/heads/main.zip",
        "https://[::1]:8080/a.zip",
        "git+https://example.org/o/r.git#egg=-bad-",
    ],
)
def test_a_url_without_a_name_stays_as_it_is(url: str) -> None:
    """No name is invented; the marker has a field of its own and is obeyed."""
    line = taken(f"{url} ; sys_platform == 'win32'")
    assert (line.requirement, line.name, line.url) == (None, "", url)
    assert line.marker == "sys_platform == 'win32'"
    assert line.applies({"sys_platform": "win32"})
    assert not line.applies({"sys_platform": "linux"})
    assert taken(url).applies({"sys_platform": "linux"})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("https://github.com/o/r", "repository-without-vcs"),
        ("https://example.org/o/r.git", "repository-without-vcs"),
        ("a @ https://github.com/o/r", "repository-without-vcs"),
        ("hg+https://example.org/o/r", "unsupported-url"),
        ("svn+ssh://example.org/o/r", "unsupported-url"),
        ("git://example.org/o/r.git", "unsupported-url"),
        ("javascript://example.org/x", "unsupported-url"),
        ("https:///a.zip", "invalid-url"),
        ("https://[bad/a.zip", "invalid-url"),
        ("https://example.org/a b.zip", "invalid-url"),
        ("https://example.org/a.zip ; nonsense", "invalid-url"),
        ("https://example.org/a.zip;os_name=='nt'", "invalid-url"),
        ("https://example.org/a.zip ; os_name ~= 'nt'", "invalid-marker"),
        ("FILE:///srv/a", "local-path-refused"),
        ("https://example.org/" + "a" * 9000, "line-too-long"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_finding(text: str, code: str) -> None:
    """What is no package to download, or cannot be, is said before anything is tried."""
    finding = read_requirement(text, PLACE)
    assert isinstance(finding, Finding)
    assert (finding.code, finding.line) == (code, 7)


def test_a_constraint_needs_a_name() -> None:
    """A URL without a name in a constraint file constrains nothing, as for pip."""
    finding = read_requirement("git+https://example.org/o/r.git", PLACE, constraint=True)
    assert isinstance(finding, Finding)
    assert finding.code == "invalid-constraint"
