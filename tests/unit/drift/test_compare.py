"""Two looks compared: what is told, what is of no weight, and who is blamed on which evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from comfyui_safe_install.resolver.core.blame import Clues, Mark, Trace, blame
from comfyui_safe_install.resolver.core.drift import Expected, Seen, find_drift, fingerprint, note, summary
from comfyui_safe_install.resolver.core.drift_files import EditedFile
from comfyui_safe_install.resolver.core.drift_items import MOST_FILES, DriftItem, item
from comfyui_safe_install.resolver.core.snapshot import (
    Snapshot,
    SnapshotDistribution,
    SnapshotPack,
    UnownedFile,
)
from comfyui_safe_install.resolver.core.types import Pack

SITE = "lib/python3.12/site-packages"


def seen(
    *dists: str, packs: dict[str, str] | None = None, files: tuple[str, ...] = (), python: str = "3.12.1"
) -> Seen:
    """A look: `name==version` or `name==version:digest`, {pack: digest}, paths of files nobody owns."""
    distributions = []
    for text in ("core==1:c", *dists):
        name, _, rest = text.partition("==")
        version, _, digest = rest.partition(":")
        distributions.append(
            SnapshotDistribution(name=name, version=version, record_digest=digest or version)
        )
    return Seen(
        snapshot=Snapshot(
            id="x",
            created="2026-01-31T12:00:00.000Z",
            reason="as left",
            prefix="/env",
            distributions=tuple(distributions),
            packs=tuple(
                SnapshotPack(pack=Pack(name=name, path=f"/packs/{name}"), digest=digest)
                for name, digest in (packs or {}).items()
            ),
            unowned=tuple(UnownedFile(path=path, size=1, digest="d") for path in files),
            python=python,
        )
    )


def codes(items: tuple[DriftItem, ...]) -> list[tuple[str, str]]:
    """(code, name) of each."""
    return [(each.code, each.name) for each in items]


@pytest.mark.parametrize(
    "look", [seen(), seen("a==1", "a==2"), seen("b==1", packs={"p": "1"}, files=("x.pth",))]
)
def test_the_same_again_is_no_drift(look: Seen) -> None:
    """Whatever is wrong with it: it was so when we looked last."""
    torn = replace(look, torn=("core",), edited={"/env/f": "d", "/env/gone": ""})
    known = (
        EditedFile(owner="core", version="1", path="/env/f", kind="content", digest="d"),
        EditedFile(owner="core", version="1", path="/env/gone", kind="missing"),
    )
    assert find_drift(torn, torn, known) == ()


def test_distributions_packs_and_python() -> None:
    """Each kind has its own code."""
    before = seen("gone==1", "up==1", "again==1:one", packs={"left": "1", "changed": "1"})
    after = seen("new==1", "up==2", "again==1:two", packs={"changed": "2", "came": "1"}, python="3.12.4")
    assert codes(find_drift(before, after)) == [
        ("drift-files", "again"),
        ("drift-removed", "gone"),
        ("drift-added", "new"),
        ("drift-version", "up"),
        ("drift-python", "Python"),
        ("drift-pack", "came"),
        ("drift-pack", "changed"),
        ("drift-pack", "left"),
    ]


def test_what_is_doubled_or_torn_is_told_as_that_alone() -> None:
    """Not also as another version, nor as edited files."""
    before, after = seen("a==1", "b==1"), seen("a==1", "a==2", "b==2")
    after = replace(after, torn=("b",))
    missing = EditedFile(owner="b", version="2", path="/env/b.py", kind="missing")
    found = find_drift(before, after, (missing,))
    assert codes(found) == [("drift-doubled", "a"), ("drift-torn", "b")]
    assert all("safe-install repair" in each.hints[0].text for each in found)


def test_what_our_own_transaction_did_is_expected() -> None:
    """But not what others made of the same distribution afterwards."""
    before, after = (
        seen("a==1", "b==1", packs={"p": "1"}),
        seen("a==2", "b==3", packs={"p": "2"}, files=("bin/x",)),
    )
    own = Expected(versions={"a": "2", "b": "2"}, packs=frozenset({"p"}), moved=("/env/bin",))
    assert codes(find_drift(before, after, expected=own)) == [("drift-version", "b")]


def test_loose_files_are_grouped_and_caches_are_minor() -> None:
    """A hundred files in one folder are one item with a count; a .pth file is one for itself; bytecode none."""
    cache = [f"{SITE}/lib/cache/{number}.json" for number in range(100)]
    code = [f"{SITE}/stray/{number}.py" for number in range(7)]
    others = [
        f"{SITE}/a.pth",
        f"{SITE}/b.pth",
        f"{SITE}/__pycache__/x.cpython-312.pyc",
        f"{SITE}/x/__pycache__/y.nbi",
    ]
    found = find_drift(seen(), seen(files=(*cache, *code, *others)), owned_folders={f"{SITE}/lib"})
    assert [(each.name, each.count, each.minor) for each in found] == [
        (f"{SITE}/a.pth", 1, False),
        (f"{SITE}/b.pth", 1, False),
        (f"{SITE}/lib", 100, True),
        (f"{SITE}/stray", 7, False),
    ]
    assert all(len(each.files) <= MOST_FILES for each in found)


def test_what_a_pack_keeps_in_its_folder_is_minor() -> None:
    """Its code is what counts."""
    before = replace(seen(packs={"p": "1"}), pack_code={"/packs/p": "same"})
    settings = replace(seen(packs={"p": "2"}), pack_code={"/packs/p": "same"})
    code = replace(seen(packs={"p": "2"}), pack_code={"/packs/p": "other"})
    assert [each.minor for each in find_drift(before, settings)] == [True]
    assert [each.minor for each in find_drift(before, code)] == [False]
    assert note(find_drift(before, settings), "2026-01-31T12:00:00.000Z") == ()


def test_a_state_is_told_from_another() -> None:
    """The fingerprint is the same for the same drift, and another for more of it or for other bytes."""
    before, after = seen("a==1"), seen("a==2")
    first = fingerprint(after, find_drift(before, after))
    assert first == fingerprint(after, find_drift(before, after))
    more, rebuilt = seen("a==2", "b==1"), seen("a==2:other")
    assert (
        len(
            {
                first,
                fingerprint(more, find_drift(before, more)),
                fingerprint(rebuilt, find_drift(before, rebuilt)),
            }
        )
        == 3
    )


def test_the_note_is_short() -> None:
    """Three are named, the rest is counted; names from outside cannot steer a terminal."""
    items = find_drift(seen(), seen(*(f"n{number}==1" for number in range(9))))
    assert summary(items) == "n0 1 (new), n1 1 (new), n2 1 (new) and 6 more"
    (finding,) = note(items, "2026-01-31T12:00:00.000Z")
    assert finding.message.endswith("since 2026-01-31 12:00:00.")
    assert "\x1b" not in summary(find_drift(seen(), seen("evil\x1b[31m==1")))


NOON = 1_700_000_000.0


def blamed(code: str, mark: Mark | None, *traces: Trace, **more: object) -> DriftItem:
    """One item with who did it."""
    each = item(code, "lib", "", "1", "lib 1 was installed", files=["/env/lib.py"])
    return blame([each], Clues(marks=(mark,) if mark else (), traces=traces, **more))[0]  # type: ignore[arg-type]


def mark(**facts: object) -> Mark:
    """What an installer left of lib at noon."""
    given = {"installer": "pip", "has_installer": True, "has_record": True, "at": NOON, **facts}
    return Mark(name="lib", metadata_dir="lib-1.dist-info", **given)  # type: ignore[arg-type]


def test_the_tool_is_named_and_no_more_where_nothing_else_is_known() -> None:
    """INSTALLER tells the tool, not who started it."""
    found = blamed("drift-added", mark(requested=True))
    assert found.who == "pip, started by hand or by another program"
    assert "asked for by name" in found.evidence[0]
    assert (
        "from git+https://example.org/lib"
        in blamed("drift-added", mark(origin="git+https://example.org/lib")).evidence[0]
    )
    assert blamed("drift-added", mark(installer="", has_installer=False)).who == "unknown"
    assert blamed("drift-added", mark(installer="", conda=True)).who == "conda"


@pytest.mark.parametrize(
    ("trace", "who"),
    [
        (Trace(kind="manager-log", at=NOON + 300, text="says", names=frozenset({"lib"})), "very likely ComfyUI-"),
        (Trace(kind="manager-log", at=NOON + 300, text="says", names=frozenset({"other"})), "pip, started"),
        (Trace(kind="manager-startup", at=NOON - 60, text="ran"), "probably ComfyUI-Manager, by pip"),
        (Trace(kind="manager-startup", at=NOON - 6000, text="ran"), "pip, started"),
        (Trace(kind="install-py", at=NOON - 200, text="has", pack="p"), "probably install.py of the pack p, by pip"),
    ],
)  # fmt: skip
def test_times_make_it_more_or_less_likely(trace: Trace, who: str) -> None:
    """Who names the package is very likely, who was near in time probably, who was far not at all."""
    assert blamed("drift-added", mark(), trace).who.startswith(who)


def test_a_pack_that_came_as_well_and_asks_for_it() -> None:
    """The pack is named as the probable reason."""
    found = blamed("drift-added", mark(), wanted_by={"lib": ("p",)}, fresh_packs=frozenset({"p"}))
    assert "the pack p" in found.who
    assert found.evidence[-1] == "the pack p asks for it"


@pytest.mark.parametrize(
    ("facts", "who"),
    [
        ({"has_installer": False, "installer": ""}, "uv"),
        ({"has_record": False}, "pip"),
        ({"has_installer": False, "installer": "", "has_record": False}, "interrupted, or a folder copied"),
        ({}, "somebody who deleted files"),
    ],
)
def test_each_installer_tears_in_its_own_way(facts: dict[str, object], who: str) -> None:
    """uv writes INSTALLER last, pip RECORD."""
    assert who in blamed("drift-torn", mark(**facts)).who
