"""Archives a page has sent: where they lie in the state folder, and what they are called. Pure."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath

from .pack_names import is_reserved_on_windows

FOLDER = "uploads"
"""In the state folder; in it a folder for each archive, so that each can keep its name."""
SUFFIX = ".zip"

_PLACE = re.compile(r"[0-9a-f]{16}")
_COUNTED = re.compile(r"\s*\(\d{1,3}\)$")
"""What browsers add to the name of a file that was downloaded again."""
_UNWANTED = re.compile(r"[^\w.+-]+")
_LONGEST = 100


def is_place(name: str) -> bool:
    """Whether a folder among the uploads is that of an archive: 16 hexadecimal digits nobody guesses."""
    return _PLACE.fullmatch(name) is not None


def archive_name(given: str) -> str:
    r"""The name an archive gets, on any system, whatever name somebody gave it.

    >>> archive_name("C:\\Users\\me\\My Pack (1).ZIP")
    'My-Pack.zip'
    >>> archive_name("../../")
    'pack.zip'
    """
    stem = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    if stem.casefold().endswith(SUFFIX):
        stem = stem[: -len(SUFFIX)]
    stem = _UNWANTED.sub("-", _COUNTED.sub("", stem)).strip(".-_+")[:_LONGEST]
    # Cut by letters above, by bytes here: a file system counts those.
    stem = stem.encode("utf-8", "ignore")[:_LONGEST].decode("utf-8", "ignore").strip(".-_+") or "pack"
    return f"{'pack-' if is_reserved_on_windows(stem) else ''}{stem}{SUFFIX}"


def without_places(text: str, state: PurePath) -> str:
    """The text with the bare names of archives that were sent: where they lie is of no use to anybody.

    >>> without_places("install /s/uploads/0123456789abcdef/Pack.zip", PurePath("/s"))
    'install Pack.zip'
    """
    return re.sub(rf"{re.escape(str(state / FOLDER))}[/\\]{_PLACE.pattern}[/\\]", "", text)
