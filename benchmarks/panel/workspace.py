"""A workspace of the size of a long life: many packs, snapshots and transactions, by the project's own writers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ...resolver.core.snapshot import Snapshot
from ...resolver.core.states import TransactionState
from ...resolver.core.types import Decision, Wish
from ...resolver.engine.in_force import IN_FORCE, InForce, snapshot_now
from ...resolver.io.site import LiveSite
from ...resolver.io.snapshots import new_id, timestamp
from ...resolver.transaction.runner import Transaction
from ...resolver.transaction.steps import Move
from ...resolver.wiring import open_site
from ...tests.kit.comfy import make_comfy, put_product_in
from ...tests.kit.venvs import Venv, make_venv

CONTESTED: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("numpy", "2.2.6", ("numpy", "numpy<2", "numpy>=1.26", "numpy==1.26.4", "numpy>=2")),
    ("pillow", "11.3.0", ("Pillow", "pillow>=10", "pillow<11", "PIL")),
    (
        "opencv-contrib-python",
        "4.12.0.88",
        ("opencv-python", "opencv-python-headless>=4.8", "opencv-contrib-python"),
    ),
    (
        "transformers",
        "4.57.1",
        ("transformers", "transformers<4.50", "transformers>=4.46.2", "transformers==4.44.0"),
    ),
    ("huggingface-hub", "0.35.3", ("huggingface_hub", "huggingface-hub<0.26", "huggingface_hub>=0.30")),
    ("diffusers", "0.35.2", ("diffusers", "diffusers>=0.31", "diffusers==0.29.2")),
    ("accelerate", "1.11.0", ("accelerate", "accelerate>=0.33", "accelerate<1")),
    ("safetensors", "0.6.2", ("safetensors", "safetensors>=0.4")),
    ("scipy", "1.16.2", ("scipy", "scipy<1.13", "scipy>=1.11")),
    ("scikit-image", "0.25.2", ("scikit-image", "skimage", "scikit-image>=0.22")),
    ("protobuf", "6.33.0", ("protobuf<4", "protobuf>=4.25", "protobuf")),
    ("timm", "1.0.20", ("timm", "timm==0.9.16", "timm>=1.0.7")),
    ("onnxruntime", "1.23.1", ("onnxruntime", "onnxruntime-gpu", "onnxruntime>=1.17")),
    ("pydantic", "2.12.3", ("pydantic", "pydantic<2", "pydantic~=2.0")),
    ("einops", "0.8.1", ("einops", "einops>=0.7")),
    ("requests", "2.32.5", ("requests", "requests>=2.31")),
)
"""(what is installed, its version, lines that packs have about it)."""

_START = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelWorkspace:
    """What was made."""

    comfyui: Path
    """The folder to start a host on; we are among its packs."""
    python: Path
    """The interpreter of the environment to be managed (`SAFE_INSTALL_PYTHON` of the stand-in's `--python`)."""


def make_workspace(
    folder: Path, *, packs: int = 150, snapshots: int = 300, distributions: int = 250
) -> PanelWorkspace:
    """A workspace in `folder`, which is new; takes some seconds. There are as many transactions as snapshots.

    Packs have several lines each about contested packages, and lie there as files; distributions are metadata with
    one module. Snapshots and transactions are written by the snapshot store and the journal themselves.
    """
    made = make_comfy(folder / "comfyui", requirements="numpy>=1.25\nPillow\nsafetensors>=0.4.2\neinops\n")
    put_product_in(made)
    venv = make_venv(folder / "venv")
    _install(venv, distributions)
    for number in range(packs):
        _lay_pack(made / "custom_nodes" / f"pack-{number:03}", number)
    site = open_site(made, python=venv.python)
    taken = snapshot_now(site, site.environment(), "by hand")
    for number in range(snapshots):
        _live_on(site, taken, number, packs)
    return PanelWorkspace(comfyui=made, python=venv.python)


def _install(venv: Venv, count: int) -> None:
    known = [(name, version) for name, version, _ in CONTESTED]
    known += [(f"library-{number:03}", f"1.{number}.0") for number in range(count - len(known))]
    for number, (name, version) in enumerate(known):
        project = name.replace("-", "_")
        # Not by its real name: the host itself imports some of these.
        module = f"made_up_{project}"
        requires = "".join(
            f"Requires-Dist: {known[(number * 7 + step) % len(known)][0]}>=0.1\n" for step in (3, 11, 23)
        )
        files = {
            f"{module}/__init__.py": f'__version__ = "{version}"\n',
            f"{project}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            f"{requires}\n{'About it. ' * 400}\n",
            f"{project}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{project}-{version}.dist-info/INSTALLER": "uv\n",
        }
        record = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
        # A list as long as that of a real one, of files nobody looks at here.
        record += [f"{module}/part_{part}.py,sha256={_digest(str(part))},1" for part in range(100)]
        files[f"{project}-{version}.dist-info/RECORD"] = "\n".join(record) + "\n"
        for path, text in files.items():
            place = venv.site_packages / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _lines_of(number: int) -> list[str]:
    """Six or seven lines, other ones in each pack."""
    chosen = [CONTESTED[(number * 5 + step * 3) % len(CONTESTED)][2] for step in range(5)]
    return [lines[(number + step) % len(lines)] for step, lines in enumerate(chosen)] + [
        f"library-{number % 200:03}>=1",
        *(["not installed at all"] if number % 50 == 0 else []),
        *([f"absent-{number}"] if number % 20 == 0 else []),
    ]


def _lay_pack(folder: Path, number: int) -> None:
    nodes = "\n".join(f"class Node{number}_{each}:\n    RETURN_TYPES = ()\n" for each in range(5))
    mapping = ", ".join(f'"Pack{number}Node{each}": Node{number}_{each}' for each in range(5))
    files = {
        "__init__.py": f"{nodes}\nNODE_CLASS_MAPPINGS = {{{mapping}}}\n",
        "requirements.txt": "# what it needs\n" + "\n".join(_lines_of(number)) + "\n",
        "pyproject.toml": f'[project]\nname = "pack-{number:03}"\nversion = "1.{number}.0"\n',
        "README.md": "About it.\n" * 50,
        ".git/HEAD": "ref: refs/heads/main\n",
        ".git/refs/heads/main": f"{number:040x}\n",
        ".git/config": f'[remote "origin"]\n\turl = https://example.invalid/pack-{number:03}\n',
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _live_on(site: LiveSite, taken: Snapshot, number: int, packs: int) -> None:
    """One more snapshot, and the change it was taken before."""
    created = timestamp(_START + timedelta(hours=number))
    pack, name = f"pack-{number % packs:03}", CONTESTED[number % len(CONTESTED)][0]
    decision = Decision(
        package="numpy",
        rule="newest-wins",
        chosen="2.2.6",
        wanted=tuple(Wish(pack=f"pack-{each:03}", requirement="numpy<2") for each in range(20)),
        violates=tuple(
            Wish(pack=f"pack-{each:03}", requirement=line)
            for each in range(packs)
            for line in _lines_of(each)
            if line in {"numpy<2", "numpy==1.26.4"}
        ),
        reason="Between packs the newest version wanted wins.",
    )
    snapshot = replace(
        taken,
        id=new_id(created),
        created=created,
        reason=f"before install {pack}",
        decisions=(decision,),
        distributions=tuple(
            replace(each, version=f"{each.version}.post{number}") if each.name == name else each
            for each in taken.distributions
        ),
    )
    change = {
        "name": name,
        "action": "upgrade",
        "from": f"0.{number}",
        "to": f"1.{number}",
        "wanted_by": [pack],
    }
    scratch = site.state / "scratch" / str(number)
    scratch.mkdir(parents=True)
    steps = [Move(source=scratch / f"{each}-old", target=scratch / f"{each}-new") for each in range(8)]
    for step in steps:
        step.source.touch()
    transaction = Transaction.begin(
        site.state,
        operation=f"install {pack}",
        roots=[*site.roots, scratch],
        summary={
            "fingerprint": "0" * 64,
            "changes": [change],
            "packs": [{"name": pack, "action": "replace", "from": "1.0", "to": f"1.{number}", "sha256": ""}],
            "decisions": [decision.to_dict()],
            IN_FORCE: InForce(decisions=(decision,)).to_dict(),
            "snapshot": snapshot.id,
        },
    )
    site.snapshots.save(replace(snapshot, transaction=transaction.id))
    with transaction:
        transaction.advance(TransactionState.STAGED)
        transaction.advance(TransactionState.TRIED)
        transaction.set_steps(steps)
        transaction.apply()
        transaction.commit()
