"""What differs between two sets of distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from .types import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One distribution, as far as a comparison needs it."""

    version: str
    identity: str = ""
    """What tells two builds of one version apart: a RECORD digest, a hash, a URL. Empty: not known."""


def diff_distributions(
    before: Mapping[str, Build],
    after: Mapping[str, Build],
    *,
    wanted_by: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Change, ...]:
    """The changes that lead from `before` to `after`, by name. Both map canonical names to builds.

    Versions are compared by PEP 440, so `1.0` and `1.0.0` are no change. Two builds of one version are a
    `replace` when both identities are known and differ, as are versions that cannot be ordered.
    """
    wishes = wanted_by or {}
    changes = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        action = _action(old, new)
        if action:
            changes.append(
                Change(
                    name=name,
                    action=action,
                    before=old.version if old else "",
                    after=new.version if new else "",
                    wanted_by=tuple(wishes.get(name, ())),
                )
            )
    return tuple(changes)


def _action(old: Build | None, new: Build | None) -> str:
    if old is None:
        return "install"
    if new is None:
        return "remove"
    if old.version != new.version:
        try:
            old_version, new_version = Version(old.version), Version(new.version)
        except ValueError:
            return "replace"
        if old_version != new_version:
            return "upgrade" if new_version > old_version else "downgrade"
    differ = old.identity and new.identity and old.identity != new.identity
    return "replace" if differ else ""
