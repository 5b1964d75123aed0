"""What a running ComfyUI tells of its packs and of their wishes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .ground import Ground, lay_ground
from .witness import write


@pytest.fixture(scope="module")
def ground(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A running host with packs that load, fail, are no packs, or are disabled."""
    with lay_ground(kind, tmp_path_factory.mktemp("packs")) as made:
        good = "NODE_CLASS_MAPPINGS = {}\n"
        raising = 'raise RuntimeError("no card\\nat https://me:secret@example.invalid/x")\n'
        write(
            made.packs,
            {
                "good/__init__.py": good,
                "late/__init__.py": good,
                "single.py": good,
                "off.disabled/__init__.py": good,
                "empty/__init__.py": "",
                "bare/pyproject.toml": "[project]\nname = 'bare'\n",
                "bad/__init__.py": f"from . import below\n{good}",
                "bad/below.py": raising,
                "broken.py": "import nothing_of_that_name\n",
            },
        )
        for version in ("1.0", "2.0"):
            made.wheel("contested", version)
        made.start()
        yield made


def _packs(ground: Ground) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in ground.host.get("./packs").json()["packs"]}


def test_each_pack_says_whether_it_loaded_and_why_not(ground: Ground) -> None:
    """From ComfyUI's own log, with the traceback; we are in the list as well."""
    packs = _packs(ground)
    states = {name: each["state"] for name, each in packs.items()}
    assert states == {
        "good": "loaded",
        "late": "loaded",
        "single": "loaded",
        "off": "disabled",
        "empty": "failed",
        "bare": "failed",
        "bad": "failed",
        "broken": "failed",
        "safe-install.v1": "loaded",
    }
    assert {name for name, each in packs.items() if each["loaded"]} >= {"good", "single", "safe-install.v1"}
    bad = packs["bad"]["failure"]
    assert bad["message"] == "no card"
    assert bad["log"][0].startswith("Traceback")
    assert any("below.py" in line for line in bad["log"])
    assert "secret" not in str(bad)
    assert packs["broken"]["failure"]["message"] == "No module named 'nothing_of_that_name'"
    assert "lack of NODE_CLASS_MAPPINGS" in packs["empty"]["failure"]["message"]
    assert "__init__.py" in packs["bare"]["failure"]["message"]
    assert all(each["failure"] is None for each in packs.values() if each["state"] != "failed")


def test_what_came_since_the_start_is_not_loaded(ground: Ground) -> None:
    """By a change of ours, which is named with the snapshot before it, or by hand; what is back as it was is loaded."""
    first = ground.have(ground.pack("mine", "contested==1.0"))
    source = ground.pack("good", "contested==2.0")
    refused = ground.host.job(ground.install(source))
    assert refused["error"]["code"] == "consent-needed"
    second = ground.have(source, agree=refused["error"]["context"]["fingerprint"])
    write(ground.packs, {"byhand/__init__.py": "NODE_CLASS_MAPPINGS = {}\n"})
    packs = _packs(ground)
    assert {packs[name]["state"] for name in ("mine", "good", "byhand")} == {"not-loaded"}
    assert packs["good"]["loaded"], "an older version of it"
    assert packs["bad"]["state"] == "failed"
    assert packs["byhand"]["brought_by"] is None
    for name, job in (("mine", first), ("good", second)):
        brought = packs[name]["brought_by"]
        assert brought["transaction"] == job["result"]["applied"]["transaction"]
        assert brought["snapshot"] == job["result"]["applied"]["snapshot"]
        assert brought["operation"] == f"install {name}"
    wishes = {
        (package["name"], wish["pack"]): wish
        for package in ground.host.get("./wishes").json()["packages"]
        for wish in package["wishes"]
    }
    assert wishes["contested", "good"]["outcome"] == "met"
    assert wishes["contested", "mine"]["outcome"] == "overruled"
    assert wishes["contested", "mine"]["rule"] == "newest-wins"

    ground.roll_back()
    packs = _packs(ground)
    assert packs["good"]["state"] == "loaded", "it is again what the process has"
    assert packs["mine"]["state"] == "not-loaded"
