"""An index that is not there, lies or breaks off: said clearly, with not a byte changed."""

from __future__ import annotations

import pytest

from comfyui_safe_install.tests.kit.index import EVERYTHING, Fault, IndexServer
from comfyui_safe_install.tests.kit.installation import Answer, Installation, State, differences


@pytest.fixture
def scene(here: Installation) -> tuple[Installation, str, State]:
    """An environment, a pack that upgrades something in it, and how all was before."""
    here.have("tool", "1.0")
    here.wheel("tool", "2.0")
    return here, here.source("demo", "tool>=2"), here.tree()


def refuses(here: Installation, before: State, answer: Answer, code: str) -> None:
    """Exit code 1, that error with a hint, nothing changed and nothing left."""
    assert (answer.error, answer.code) == (code, 1), answer
    assert answer.document["error"]["hints"]
    assert differences(before, here.tree()) == []
    assert here.leftovers() == []


def test_no_network_is_said(scene: tuple[Installation, str, State], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers at the index."""
    here, source, before = scene
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple/")
    refuses(here, before, here.run("install", source, "--yes"), "network-unreachable")


def test_a_network_that_is_switched_off_is_said(
    scene: tuple[Installation, str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user told uv to stay offline, and the cache has not got it."""
    here, source, before = scene
    monkeypatch.setenv("UV_OFFLINE", "1")
    refuses(here, before, here.run("install", source, "--yes"), "network-unreachable")


def test_a_package_nobody_has_is_named(here: Installation) -> None:
    """No such package: the pack's line is named, and the exit code says that nothing changed."""
    here.have("base", "1.0")
    before = here.tree()
    answer = here.run("install", here.source("demo", "base", "no-such-thing>=1"), "--yes")
    refuses(here, before, answer, "line-no-such-package")
    assert "no-such-thing>=1" in answer.document["error"]["message"]
    assert "demo" in answer.document["error"]["message"]


@pytest.mark.parametrize(
    ("what", "fault", "codes"),
    [
        (EVERYTHING, Fault.SERVER_ERROR, {"network-unreachable"}),
        (EVERYTHING, Fault.GARBAGE, {"network-unreachable", "index-unusable", "line-no-such-package"}),
        ("tool-2.0-py3-none-any.whl", Fault.WRONG_HASH, {"hash-mismatch"}),
        (
            "tool-2.0-py3-none-any.whl",
            Fault.TRUNCATED,
            {"network-unreachable", "stage-failed", "hash-mismatch"},
        ),
    ],
    ids=lambda value: value.value if isinstance(value, Fault) else "",
)
def test_an_index_that_breaks_or_lies_changes_nothing(
    scene: tuple[Installation, str, State], index: IndexServer, what: str, fault: Fault, codes: set[str]
) -> None:
    """An error of its own, garbage, another file than it promises, half a file."""
    here, source, before = scene
    index.break_down(what, fault)
    answer = here.run("install", source, "--yes")
    assert answer.error in codes, answer
    refuses(here, before, answer, answer.error)
    index.repair()
    assert here.run("install", source, "--yes", "--refresh").applied
    assert here.versions() == {"tool": "2.0"}
