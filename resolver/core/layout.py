"""Where the parts of an environment lie, and how a path moves from one layout to another.

Paths here are absolute strings with `/` as separator on every system (Windows takes them as well), so
that two paths are the same place exactly when they are equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import SafeInstallError
from .types import PythonInfo

_INTERPRETER = re.compile(r"(?:python|pypy)[\d.]*w?(?:_d)?(?:\.exe|\.dll|\._pth)?", re.IGNORECASE)

LABELS = ("purelib", "platlib", "scripts", "headers", "data")
"""The parts of an environment a wheel can have files in, by their names in sysconfig and PEP 427."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The root folder of each part. A live environment, a stage and a payload each have one."""

    purelib: str
    platlib: str
    scripts: str
    headers: str
    data: str

    @classmethod
    def of(cls, python: PythonInfo) -> Layout:
        """The layout of a live environment."""

        def slashed(path: str) -> str:
            # On POSIX a backslash is a letter like any other.
            return path.replace("\\", "/") if python.markers.get("os_name") == "nt" else path

        return cls(
            purelib=slashed(python.purelib),
            platlib=slashed(python.platlib),
            scripts=slashed(python.scripts),
            headers=slashed(python.headers),
            data=slashed(python.data),
        )

    @classmethod
    def labelled(cls, folder: str) -> Layout:
        """The layout of a payload: one folder for each part, named by its label."""
        return cls(**{label: f"{folder}/{label}" for label in LABELS})

    @property
    def roots(self) -> tuple[tuple[str, str], ...]:
        """(label, root), the longest root first; of two labels with one root only the first counts."""
        pairs: dict[str, str] = {}
        for label in LABELS:
            pairs.setdefault(getattr(self, label), label)
        return tuple(
            (label, root) for root, label in sorted(pairs.items(), key=lambda item: (-len(item[0]), item[0]))
        )

    @property
    def protected(self) -> frozenset[str]:
        """Folders that belong to the environment itself: never moved and never removed as a whole.

        The roots, every folder above them, and the `__pycache__` of single modules, into which any
        process that imports one may write at any moment.
        """
        folders = {f"{self.purelib}/__pycache__", f"{self.platlib}/__pycache__"}
        for _, root in self.roots:
            folder = root
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
            folders.add("/")
        return frozenset(folders)

    def is_pythons_own(self, path: str) -> bool:
        """Whether what lies at the path is the interpreter's, or ours, and so can be no distribution's.

        The interpreter itself, `pyvenv.cfg`, and all that lies beside the site directories: the standard
        library, our hidden folder. A RECORD that names them, or a wheel that brings them, would break Python.
        """
        folder, _, name = path.rpartition("/")
        sites = (self.purelib, self.platlib)
        if folder == self.data and name.lower() == "pyvenv.cfg":
            return True
        if folder in (self.data, self.scripts) and _INTERPRETER.fullmatch(name):
            return True
        if any(path == site or path.startswith(f"{site}/") for site in sites):
            return False
        beside = {site.rpartition("/")[0] for site in sites} - {self.data, ""}
        return any(path.startswith(f"{each}/") for each in beside)

    def label(self, path: str) -> str:
        """The path as `<label>/<rest>`, the same in every layout: `purelib/numpy/__init__.py`.

        Raises SafeInstallError `record-outside-prefix` for a path below none of the roots.
        """
        for label, root in self.roots:
            if path.startswith(f"{root}/"):
                return f"{label}/{path[len(root) + 1 :]}"
            if path == root:
                return label
        raise SafeInstallError(
            "record-outside-prefix",
            f"{path} lies outside the environment {self.data}.",
            context={"path": path, "environment": self.data},
        )

    def place(self, labelled: str) -> str:
        """Where a `<label>/<rest>` lies in this layout."""
        label, _, rest = labelled.partition("/")
        if label not in LABELS:
            raise ValueError(f"{label!r} is no part of an environment")
        root: str = getattr(self, label)
        return f"{root}/{rest}" if rest else root
