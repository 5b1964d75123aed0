"""Every requirement line as it stands: met, overruled by what was decided, or broken."""

from __future__ import annotations

from pathlib import Path

from comfyui_safe_install.resolver.engine.explaining import why
from comfyui_safe_install.resolver.engine.wishes_now import WishStanding, wishes_now
from comfyui_safe_install.tests.kit.installation import Installation


def _lay(here: Installation, name: str, text: str) -> None:
    """A pack that somebody put there by hand."""
    folder = here.packs / name
    folder.mkdir()
    (folder / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n", encoding="utf-8")
    (folder / "requirements.txt").write_text(text, encoding="utf-8")


def _told(here: Installation) -> dict[str, dict[str, WishStanding]]:
    """{package: {pack: wish}}."""
    return {
        package.name: {wish.pack: wish for wish in package.wishes}
        for package in wishes_now(here.session()).packages
    }


def _outcomes(here: Installation) -> dict[tuple[str, str], tuple[str, str]]:
    """{(package, pack): (outcome, rule)}."""
    return {
        (package, pack): (wish.outcome, wish.rule)
        for package, wishes in _told(here).items()
        for pack, wish in wishes.items()
    }


def test_what_was_decided_is_overruled_and_what_nobody_decided_is_broken(here: Installation) -> None:
    """A clash settled by a change of ours, and what becomes of it when others or the pack's author move."""
    here.have("settled", "1.0")
    for version in ("1.0", "2.0", "3.0"):
        here.wheel("x", version)
    clash = [here.source("old", "x==1.0"), here.source("new", "x==2.0")]
    assert here.run("install", *clash, "--yes").code == 0
    here.wheel("y", "1.0")
    assert here.run("install", here.source("third", "y"), "--yes").code == 0
    assert _outcomes(here)["x", "old"] == ("overruled", "newest-wins"), "a later change leaves it decided"
    assert here.run("uninstall", "third", "--yes").code == 0
    assert _outcomes(here)["x", "old"] == ("overruled", "newest-wins")
    _lay(here, "byhand", "x>=3\nabsent\n")
    _lay(here, "off.disabled", "x==9\nnobody\n")
    told = _told(here)
    assert set(told) == {"x", "absent"}, "what only a disabled pack wants is wanted by nobody"
    assert told["x"]["new"].outcome == "met"
    assert (told["x"]["old"].outcome, told["x"]["old"].rule) == ("overruled", "newest-wins")
    assert told["x"]["old"].reason.startswith("Between packs")
    assert (told["x"]["old"].file, told["x"]["old"].line) == ("requirements.txt", 1)
    assert told["x"]["byhand"].outcome == "broken"
    assert told["x"]["byhand"].reason == "x 2.0 is installed."
    assert told["absent"]["byhand"].reason == "absent is not installed."
    # `why` reads the same lines.
    assert {(each.pack, each.met) for each in why(here.session(), "x").wishes} == {
        ("new", True),
        ("old", False),
        ("byhand", False),
    }

    (here.packs / "old" / "requirements.txt").write_text("x<2\n", encoding="utf-8")
    assert _outcomes(here)["x", "old"] == ("broken", ""), "a line that changed since was never decided about"
    (here.packs / "old" / "requirements.txt").write_text("x==1.0\n", encoding="utf-8")
    here.have("x", "3.0")
    assert _outcomes(here)["x", "old"] == ("broken", ""), "what is there now, nobody decided"


def test_lines_a_rule_turns_away_say_so(here: Installation) -> None:
    """A standard module, another name, another member of a family, a package no index may bring."""
    (here.comfy / "requirements.txt").write_text("yaml>=1\n", encoding="utf-8")
    here.have("pyyaml", "6.0")
    here.have("opencv-contrib-python", "4.9")
    _lay(here, "a", "typing\nopencv-python>=4.5\ntorch>=2\npil\n")
    _lay(here, "b", "cv2>=5\nPyYAML<6; python_version < '3'\npyyaml<7\n")
    outcomes = _outcomes(here)
    assert outcomes["typing", "a"] == ("overruled", "standard-library")
    assert outcomes["opencv-python", "a"] == ("met", "opencv-one-owner")
    assert outcomes["opencv-python", "b"] == ("broken", "opencv-one-owner")
    assert outcomes["torch", "a"] == ("broken", "torch-family")
    assert outcomes["pillow", "a"] == ("broken", "import-name")
    assert outcomes["pyyaml", "ComfyUI"] == ("met", "import-name")
    assert outcomes["pyyaml", "b"] == ("met", ""), "a marker that is false here counts for nothing"
    told = {package.name: package for package in wishes_now(here.session()).packages}
    assert [wish.pack for wish in told["pyyaml"].wishes] == ["ComfyUI", "b"]
    assert told["opencv-python"].installed == ""
    assert told["opencv-python"].provided_by == "opencv-contrib-python 4.9"
    assert "never fetched" in told["torch"].wishes[0].reason


def test_what_cannot_be_read_is_told_beside(here: Installation, tmp_path: Path) -> None:
    """A bad line and a URL without a name are findings; a limit alone wants nothing; secrets stay secret."""
    here.have("x", "1.0")
    _lay(here, "a", "x ===> 2\ngit+https://user:secret@example.invalid/thing\n-c limits.txt\nx\n")
    (here.packs / "a" / "limits.txt").write_text("x<1\ny<1\n", encoding="utf-8")
    found = wishes_now(here.session())
    assert {"invalid-requirement", "wish-without-name"} <= {each.code for each in found.findings}
    (package,) = found.packages
    assert [(wish.requirement, wish.outcome) for wish in package.wishes] == [("x<1", "broken"), ("x", "met")]
    assert "secret" not in str(found.to_dict())
