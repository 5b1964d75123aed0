"""What is installed already may be hostile too: its RECORD decides what an upgrade or uninstall moves away."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.installation import Installation
from comfyui_safe_install.tests.kit.surroundings import Surroundings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="places of a POSIX environment")


def claim(here: Installation, name: str, *lines: str) -> Path:
    """Add lines to the RECORD of an installed distribution; `{sha}` becomes the digest of what lies there."""
    info = next(here.venv.site_packages.glob(f"{name}-*.dist-info"))
    with (info / "RECORD").open("a", newline="") as file:
        for line in lines:
            path = Path(os.path.normpath(here.venv.site_packages / line.split(",")[0]))
            digest = ""
            if path.is_file():
                raw = hashlib.sha256(path.read_bytes()).digest()
                digest = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
            file.write(line.replace("{sha}", f"sha256={digest}") + "\n")
    return info


@pytest.mark.parametrize(
    "line",
    [
        "../../../bin/python,{sha},",
        "../../../pyvenv.cfg,{sha},",
        "../mine.txt,{sha},",
        "../.safe-install/payloads/other/x/payload.json,,",
        "../../../../../mine/letter.txt,{sha},",
        "/etc/passwd,,",
        "evil/../../../../../../mine/letter.txt,,",
        "out/letter.txt,{sha},",
        "..,,",
    ],
)
def test_a_record_cannot_take_away_what_is_not_its_own(
    here: Installation, around: Surroundings, line: str
) -> None:
    """An upgrade is refused, or it moves the distribution's own files; then all of it comes back."""
    here.have("evil", "1.0")
    here.have("base", "1.0")
    here.wheel("evil", "2.0")
    (here.venv.site_packages / "out").symlink_to(around.mine)
    claim(here, "evil", line)
    around.remember()
    answer = here.run("install", here.source("demo", "evil>=2"), "--yes")
    if answer.code == 0:
        assert around.changed_outside() == []
        assert (here.venv.site_packages / "out" / "letter.txt").read_text() == "dear\n"
        assert here.versions() == {"base": "1.0", "evil": "2.0"}
        assert here.run("rollback", "--yes").applied
        assert around.changed_outside() == []
    else:
        around.untouched(answer)
    assert here.versions() == {"base": "1.0", "evil": "1.0"}


@pytest.mark.parametrize("digest", ["{sha}", ""])
def test_a_record_cannot_take_away_another_ones_files(
    here: Installation, around: Surroundings, digest: str
) -> None:
    """Whether it tells their hash or not: they stay, or the change is refused."""
    here.have("base", "1.0")
    here.have("evil", "1.0")
    here.wheel("evil", "2.0")
    info = "base-1.0.dist-info"
    claim(
        here,
        "evil",
        *(f"{each},{digest}," for each in ("base/__init__.py", f"{info}/METADATA", f"{info}/RECORD")),
    )
    around.remember()
    answer = here.run("install", here.source("demo", "evil>=2"), "--yes")
    if answer.code:
        around.untouched(answer)
    else:
        assert here.versions() == {"base": "1.0", "evil": "2.0"}
        assert here.python("import base; print(base.__version__)") == "1.0"


CONTENTS: list[bytes] = [
    b"",
    b"\0" * 1000,
    b'"never closed,,\n' * 1000,
    "\ufeffevil/__init__.py,,\n".encode("utf-16"),
    b"evil/\xff\xfe,,\n",
    b",,\n,,,,,,\n\n",
    b"evil/x.py,sha256=%00,99999999999999999999999999999\n" + b"evil/y.py,nonsense,-1\n",
    b"a" * 200_000 + b",,\n",
    b"x," * 100_000 + b"\n",
    b"evil/" + b"../evil/" * 20_000 + b"x.py,,\n",
    "evil/x.py,sha256=abc,\u0663\u00b2\n".encode(),
]


def test_records_of_any_content_are_findings(here: Installation, around: Surroundings) -> None:
    """Nothing crashes on them, nobody moves those distributions by them, and the rest goes on."""
    for number, content in enumerate(CONTENTS):
        here.have(f"evil{number}", "1.0")
        (here.venv.site_packages / f"evil{number}-1.0.dist-info" / "RECORD").write_bytes(content)
    here.wheel("tool", "1.0")
    around.remember()
    assert here.run("verify").error != "internal-error"
    assert here.run("install", here.source("demo", "tool"), "--yes").applied
    assert around.changed_outside() == []
    assert here.run("rollback", "--yes").applied
    assert around.changed() == []


SPECIAL = ["METADATA", "RECORD", "INSTALLER", "direct_url.json", "top_level.txt", "entry_points.txt", "WHEEL"]


def _put(path: Path, kind: str) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(3 * 2**30)


@pytest.mark.parametrize("kind", ["pipe", "endless", "loop", "folder", "sparse"])
def test_what_is_no_file_does_not_hang_anything(here: Installation, kind: str) -> None:
    """Pipes, endless devices, links in a circle and three gigabytes of nothing in the place of every file we read."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    for number in range(len(SPECIAL)):
        here.have(f"evil{number}", "1.0")
    for number, name in enumerate(SPECIAL):
        _put(here.venv.site_packages / f"evil{number}-1.0.dist-info" / name, kind)
    pack = here.packs / "pack"
    pack.mkdir()
    (pack / "__init__.py").write_text("")
    for name in ("pyproject.toml", "requirements.txt", ".git", "install.py", ".gitattributes"):
        _put(pack / name, kind if (name, kind) != (".gitattributes", "sparse") else "loop")
    single = here.packs / "single.py"
    _put(single, "loop" if kind == "sparse" else kind)
    answer = here.run("install", here.source("demo", "tool"), "--yes")
    assert answer.error != "internal-error", answer
    assert here.run("verify").error != "internal-error"
    assert here.run("snapshot", "list").code == 0


METADATA: list[str] = [
    "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\x1b[31m\n",
    "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\r--index-url=http://127.0.0.1:9/\n",
    "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\u2028--index-url=http://127.0.0.1:9/\n",
    "Metadata-Version: 2.1\nName: ../../evil\nVersion: ../1\n",
    "Metadata-Version: 2.1\nName: -e .\nVersion: 1.0\n",
    "Metadata-Version: 2.1\nName: evil\nVersion: " + "1." * 100_000 + "0\n",
    "Metadata-Version: 2.1\nName: evil\nVersion: " + "9" * 10_000 + "\n",
    "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n" + "Requires-Dist: base (\n" * 5000,
    "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\nRequires-Dist: " + "(" * 50_000 + "\n",
    "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\nRequires-Dist: base ; "
    + "(" * 5000
    + "os_name=='x'"
    + ")" * 5000
    + "\n",
    "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\nRequires-Dist: base @ file:///etc/passwd\n",
    "Name: evil\n" * 100_000,
    "\n \n" * 100_000,
]


def test_metadata_of_any_content_is_survived(here: Installation, around: Surroundings) -> None:
    """No option reaches uv and no escape the terminal; uv may refuse such versions, and then that is said."""
    for number, text in enumerate(METADATA):
        here.have(f"evil{number}", "1.0")
        path = here.venv.site_packages / f"evil{number}-1.0.dist-info" / "METADATA"
        path.write_text(text.replace("Name: evil\n", f"Name: evil{number}\n"), newline="")
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    around.remember()
    for arguments in (
        ["plan", here.source("demo", "tool")],
        ["install", here.source("demo", "tool"), "--yes"],
    ):
        answer = here.run(*arguments)
        assert answer.error != "internal-error", answer
        assert "\x1b" not in answer.words
    assert around.changed_outside() == []
