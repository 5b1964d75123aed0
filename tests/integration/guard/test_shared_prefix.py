"""Full copies where the prefix is shared with the whole system: only what is Python's is kept and touched."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from comfyui_safe_install.resolver.io.guard.live import LiveGuard
from comfyui_safe_install.tests.kit.installation import Installation, differences


def test_only_what_a_record_names_is_touched_outside_the_site_directories(here: Installation) -> None:
    """Scripts and data files of distributions come back; what others have beside them is never moved or kept."""
    for version in ("2.0", "1.0"):
        here.have(
            "tool",
            version,
            scripts={"tool-script": f"#!python\nprint({version!r})\n"},
            data={"share/tool/a.txt": version, f"share/only-{version}/b.txt": version},
        )
    here.have("base", "1.0")
    root, site = here.venv.root, here.site()
    (root / "share" / "tool" / "theirs.txt").write_text("theirs")
    guard = LiveGuard(
        workspace=site.workspace,
        python=replace(site.python, base_prefix=site.python.prefix),
        area=site.area,
        find_pack_area=lambda: site.pack_area,
        owned_files=site.guard.owned_files,
    )
    before = here.tree()
    kept = guard.store.keep("a", guard.grounds(), "copy")
    manifest = guard.store.manifest("a").entries
    assert kept.files == sum(1 for entry in manifest.values() if entry.kind == "file")
    assert {path for path in manifest if path.startswith("data/") and manifest[path].kind == "file"} == {
        "data/share/tool/a.txt",
        "data/share/only-1.0/b.txt",
    }
    assert {path for path in manifest if path.startswith("scripts/")} == {"scripts/tool-script"}

    here.have("tool", "2.0")
    (here.venv.scripts / "tool-script").unlink(missing_ok=True)
    shutil.rmtree(here.venv.site_packages / "base")
    (root / "share" / "new").mkdir()
    (root / "share" / "new" / "stranger").write_text("x")
    (here.venv.scripts / "stranger").write_text("x")
    plan = guard.plan("a")
    assert plan.moves.lost == ()
    stage = guard.stage(plan, "t")
    for source, target in (*stage.outgoing, *stage.incoming):
        Path(source).rename(target)
    assert guard.faults(plan) == ()
    left = differences(before, here.tree())
    assert set(left) <= {
        "venv/bin/stranger",
        "venv/share/new",
        "venv/share/new/stranger",
        "venv/share/only-2.0",
    }, left
    assert (root / "share" / "tool" / "theirs.txt").read_text() == "theirs"
