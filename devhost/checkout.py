"""This checkout as a pack: a folder of links to the product's own parts, so that changes count at once.

Not one link to the whole checkout: what else lies in one that is worked in (environments, caches, history) would
belong to the pack, and every snapshot would read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
NAME = "safe-install"
_PARTS = (
    "__init__.py", "__main__.py", "prestartup_script.py", "pyproject.toml", "requirements.txt",
    "resolver", "server_routes", "nodes", "js", "locales",
)  # fmt: skip


def is_ours(pack: Path) -> bool:
    """Whether a pack is this product: linked, copied or cloned."""
    return (pack / "prestartup_script.py").is_file() and (pack / "resolver" / "wiring.py").is_file()


def put_in(custom_nodes: Path, others: Iterable[Path] = ()) -> None:
    """Have this checkout in `custom_nodes`, unless one of the packs there, or of `others`, is this product."""
    packs = [pack for pack in custom_nodes.iterdir() if pack.suffix != ".disabled"]
    if any(is_ours(pack) for pack in [*packs, *others]):
        return
    folder = custom_nodes / NAME
    folder.mkdir(exist_ok=True)
    for part in _PARTS:
        link = folder / part
        if link.is_symlink():
            link.unlink()
        link.symlink_to(CHECKOUT / part)
