"""All corpus packs at once against a real environment: every line has one end, and core stays."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from uv import find_uv_bin

from comfyui_safe_install.resolver.engine.session import Options, Session
from comfyui_safe_install.resolver.wiring import PageProbe, open_site
from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.venvs import install, make_venv
from comfyui_safe_install.tests.kit.wheels import make_wheel

# Enough of core to be in the way of many packs, without its gigabytes; torch is a GPU build no index has.
CORE = ("numpy", "pillow", "transformers<5", "safetensors", "pyyaml", "requests", "tqdm", "einops", "psutil")


@pytest.mark.network
@pytest.mark.timeout(900)
def test_every_line_of_the_corpus_ends_and_core_stays(corpus: Path, tmp_path: Path) -> None:
    """The plan finishes, each gathered line has exactly one outcome, core is untouched, and twice gives the same."""
    requirements = (corpus / "core" / "requirements-0.8.0.txt").read_text(encoding="utf-8")
    comfy = make_comfy(tmp_path / "comfy", requirements=requirements)
    shutil.copytree(
        corpus / "packs", comfy / "custom_nodes", dirs_exist_ok=True, copy_function=shutil.copyfile
    )
    venv = make_venv(tmp_path / "venv")
    subprocess.run([find_uv_bin(), "pip", "install", "--quiet", "--python", venv.python, *CORE], check=True)
    install(venv, make_wheel(tmp_path / "wheels", "torch", "2.5.1+cu121"))

    site = open_site(comfy, python=venv.python)
    before = site.environment().versions
    plan = Session(site=site, probe=PageProbe()).plan_sync(Options()).plan
    # Another state folder, so that nothing remembered helps.
    fresh = open_site(comfy, python=venv.python, state=tmp_path / "other-state")
    again = Session(site=fresh, probe=PageProbe()).plan_sync(Options()).plan

    ends = Counter((each.pack, each.file, each.line) for each in plan.lines)
    for pack in site.packs():
        gathered = site.gather(pack.name, Path(pack.path))
        places = {(line.pack, line.file, line.line) for line in gathered.lines}
        places |= {(pack.name, each.file, each.line) for each in gathered.options}
        places |= {(pack.name, each.file, each.line) for each in gathered.includes}
        places |= {(pack.name, each.file, each.line) for each in gathered.findings if each.line}
        for place in places:
            assert place in ends, f"{place} vanished"
    assert {each.outcome for each in plan.lines} == {"taken", "decision", "finding"}
    moved = {change.name: change.action for change in plan.changes if change.name in before}
    assert moved == {}
    assert plan.versions["torch"] == "2.5.1+cu121"
    assert len(plan.changes) > 100
    if plan.fingerprint != again.fingerprint:
        # The index is a live one: something may have been released in between, but hardly twice in a row.
        plan = again
        fresh = open_site(comfy, python=venv.python, state=tmp_path / "third-state")
        again = Session(site=fresh, probe=PageProbe()).plan_sync(Options()).plan
    assert plan.fingerprint == again.fingerprint
