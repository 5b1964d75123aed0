"""What tasks come to: which packs come, go, stay for their requirements, or change their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.pack_names import fold_name
from ..core.pack_origin import (
    GIT,
    LOCAL,
    NIGHTLY,
    REGISTRY,
    PackOrigin,
    by_version,
    disabled_name,
    matching,
    repository_url,
)
from ..core.tasks import Task, TaskKind
from ..core.types import Finding, Pack
from ..errors import Hint, UsageError
from ..ports import Site

EVERY = "*"
"""Subject of an update: each pack that can be updated."""
DISABLED = ".disabled"
_VERSIONLESS = ("", "latest", "unknown")

Known = Sequence[tuple[Pack, PackOrigin]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bring:
    """A source that is to be fetched."""

    text: str
    """As `core.sources.parse_source` takes it."""
    instead: Pack | None = None
    """The pack whose place it takes (update); None: as its own name says (install)."""
    newest_of: PackOrigin | None = None
    """Where that pack came from, when its newest version is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocation:
    """A pack that is enabled or disabled."""

    pack: Pack
    target: Path
    enable: bool

    @property
    def name(self) -> str:
        """What it is called when it is enabled."""
        return self.pack.name


@dataclass(slots=True, kw_only=True)
class Wanted:
    """What the tasks come to."""

    bring: list[Bring] = field(default_factory=list)
    fix: list[Pack] = field(default_factory=list)
    remove: list[Pack] = field(default_factory=list)
    relocate: list[Relocation] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_tasks(site: Site, tasks: Sequence[Task]) -> Wanted:
    """What the tasks come to, as the packs are now. Reads only; no network.

    Raises UsageError `no-tasks`, `pack-not-found`, `pack-ambiguous`, `pack-disabled`, `pack-enabled`,
    `pack-without-origin`, `tasks-contradict`, `disabled-copy-in-the-way`.
    """
    if not tasks:
        raise UsageError("no-tasks", "Nothing is to be done: no task is given.")
    reader = _Reader(site, [(pack, site.origin_of(pack)) for pack in site.every_pack()])
    for task in tasks:
        reader.read(task)
    return reader.wanted


class _Reader:
    """Reads task after task, and refuses what contradicts an earlier one."""

    def __init__(self, site: Site, known: Known) -> None:
        self._site = site
        self._known = known
        self._seen: dict[str, Task] = {}
        self.wanted = Wanted()

    def read(self, task: Task) -> None:
        if task.kind is TaskKind.INSTALL:
            text = f"{task.subject}@{task.version}" if task.version else task.subject
            self.wanted.bring.append(Bring(text=text))
            return
        if task.kind is TaskKind.UPDATE and task.subject == EVERY:
            self._update_all()
            return
        act = {
            TaskKind.UNINSTALL: self._uninstall,
            TaskKind.UPDATE: self._update,
            TaskKind.FIX: self._fix,
            TaskKind.ENABLE: self._enable,
            TaskKind.DISABLE: self._disable,
        }[task.kind]
        act(task)

    # --- the kinds ------------------------------------------------------------------------------------------

    def _uninstall(self, task: Task) -> None:
        found = self._find(task)
        enabled = [pack for pack, _ in found if not pack.disabled]
        if len(enabled) > 1:
            raise _ambiguous(task, enabled)
        name = (enabled or [found[0][0]])[0].name
        self._once(task, name)
        # As ComfyUI-Manager does: older versions that lie disabled would only come back to life.
        others = [pack for pack, _ in found if pack.disabled and fold_name(pack.name) == fold_name(name)]
        self.wanted.remove += [*enabled, *others]

    def _update(self, task: Task) -> None:
        pack, origin = self._enabled(task)
        self._once(task, pack.name)
        wanted = "" if task.version in _VERSIONLESS else task.version
        if text := _newer(origin, wanted):
            origin_of_newest = None if wanted else origin
            self.wanted.bring.append(Bring(text=text, instead=pack, newest_of=origin_of_newest))
            return
        raise UsageError(
            "pack-without-origin",
            f"Nobody can say where {pack.name} came from: it is neither of the Registry nor a git repository "
            "with a remote.",
            context={"pack": pack.name},
            hints=(Hint("install-again", "Install its new version from a folder, archive or git URL."),),
        )

    def _update_all(self) -> None:
        for pack, origin in self._known:
            if pack.disabled:
                continue
            text = _newer(origin, "")
            if text:
                self._once(Task(kind=TaskKind.UPDATE, subject=pack.name), pack.name)
                self.wanted.bring.append(Bring(text=text, instead=pack, newest_of=origin))
            else:
                self._say(
                    "pack-without-origin", f"{pack.name} is left as it is: nobody knows its origin.", pack
                )

    def _fix(self, task: Task) -> None:
        pack, _ = self._enabled(task)
        self._once(task, pack.name)
        self.wanted.fix.append(pack)

    def _enable(self, task: Task) -> None:
        found = self._find(task)
        enabled = [pack for pack, _ in found if not pack.disabled]
        copies = [pack for pack, _ in found if pack.disabled]
        wanted = "" if task.version in _VERSIONLESS else task.version
        if enabled:
            self._once(task, enabled[0].name)
            if copies and wanted and enabled[0].version != wanted:
                raise UsageError(
                    "pack-enabled",
                    f"{enabled[0].name} is enabled in another version, {enabled[0].version or 'unknown'}.",
                    context={"pack": enabled[0].name},
                    hints=(Hint("uninstall-or-update", f"Update it instead: `update {enabled[0].name}`."),),
                )
            self._say("already-enabled", f"{enabled[0].name} is enabled already.", enabled[0])
            return
        if wanted:
            copies = [pack for pack in copies if wanted in (pack.version, pack.commit, _told(pack))]
        if not copies:
            raise _not_found(f"{task.subject}@{wanted}", self._known, disabled=True)
        newest = by_version(copies)
        if len(newest) > 1 and newest[0].version == newest[1].version:
            raise _ambiguous(task, newest[:2])
        self._once(task, newest[0].name)
        self._relocate(newest[0], _enabled_place(newest[0]), enable=True)

    def _disable(self, task: Task) -> None:
        found = self._find(task)
        enabled = [(pack, origin) for pack, origin in found if not pack.disabled]
        if not enabled:
            self._once(task, found[0][0].name)
            self._say("already-disabled", f"{found[0][0].name} is disabled already.", found[0][0])
            return
        pack, origin = self._enabled(task)
        self._once(task, pack.name)
        place = Path(pack.path)
        self._relocate(pack, place.parent / DISABLED / disabled_name(pack, origin), enable=False)

    # --- inside ---------------------------------------------------------------------------------------------

    def _find(self, task: Task) -> Known:
        found = matching(self._known, task.subject)
        if not found:
            raise _not_found(task.subject, self._known, disabled=task.kind is TaskKind.ENABLE)
        # Whoever names the folder of one means the disabled copies of that name as well, and the reverse.
        return found

    def _enabled(self, task: Task) -> tuple[Pack, PackOrigin]:
        found = self._find(task)
        enabled = [each for each in found if not each[0].disabled]
        if len(enabled) > 1:
            raise _ambiguous(task, [pack for pack, _ in enabled])
        if not enabled:
            name = found[0][0].name
            raise UsageError(
                "pack-disabled",
                f"{name} is disabled.",
                context={"pack": name},
                hints=(Hint("enable-first", f"Enable it first: `safe-install enable {name}`."),),
            )
        return enabled[0]

    def _once(self, task: Task, name: str) -> None:
        """Raise UsageError `tasks-contradict` where another task is about the same pack."""
        earlier = self._seen.setdefault(fold_name(name), task)
        if earlier is not task:
            raise contradicting(name, earlier.kind.value, task.kind.value)

    def _relocate(self, pack: Pack, target: Path, *, enable: bool) -> None:
        if (
            target.exists()
            or target.is_symlink()
            or any(each.target == target for each in self.wanted.relocate)
        ):
            raise UsageError(
                "disabled-copy-in-the-way",
                f"{target} exists already.",
                context={"pack": pack.name, "path": target},
                hints=(Hint("remove-the-copy", "Uninstall the pack, or remove that copy, and try again."),),
            )
        self.wanted.relocate.append(Relocation(pack=pack, target=target, enable=enable))

    def _say(self, code: str, message: str, pack: Pack) -> None:
        self.wanted.findings.append(Finding(code=code, message=message, pack=pack.name))


def contradicting(name: str, one: str, other: str) -> UsageError:
    """The error for two tasks about one pack."""
    return UsageError(
        "tasks-contradict",
        f"{name} is named twice: {one} and {other}.",
        context={"pack": name},
        hints=(Hint("name-once", "Name each pack once; what comes after is another change."),),
    )


def _newer(origin: PackOrigin, wanted: str) -> str:
    """The source of a pack's newest (or wanted) version; empty where its origin is unknown."""
    if origin.kind == REGISTRY and wanted != "nightly":
        return f"{origin.id}@{wanted or 'latest'}"
    if origin.kind == LOCAL or (origin.kind == REGISTRY and not origin.id):
        return ""
    if origin.kind == REGISTRY:
        return f"{origin.id}@nightly"
    assert origin.kind in (GIT, NIGHTLY)  # noqa: S101 - there are no others
    url = repository_url(origin)
    ref = "" if wanted == "nightly" else wanted or origin.branch
    return f"git+{url}@{ref}" if "://" in url and ref else f"git+{url}" if "://" in url else _scp(url, ref)


def _scp(url: str, ref: str) -> str:
    return f"{url}@{ref}" if ref else url


def _enabled_place(pack: Pack) -> Path:
    """Where a disabled pack lies once it is enabled; both of ComfyUI's conventions are read."""
    place = Path(pack.path)
    name = f"{pack.name}.py" if pack.is_file else pack.name
    return (place.parent.parent if place.parent.name == DISABLED else place.parent) / name


def _told(pack: Pack) -> str:
    """The version that the name of its folder tells."""
    return Path(pack.path).name.partition("@")[2].replace("_", ".")


def _not_found(subject: str, known: Known, *, disabled: bool) -> UsageError:
    names = sorted({pack.name for pack, _ in known if pack.disabled is disabled or not disabled})
    return UsageError(
        "pack-not-found",
        f"No pack {subject} is {'disabled' if disabled else 'installed'}.",
        context={"pack": subject},
        hints=(
            Hint(
                "list-packs", f"{'Disabled' if disabled else 'Installed'} are: {', '.join(names) or 'none'}."
            ),
        ),
    )


def _ambiguous(task: Task, packs: Sequence[Pack]) -> UsageError:
    return UsageError(
        "pack-ambiguous",
        f"{task.subject} may mean {' or '.join(pack.path for pack in packs)}.",
        context={"pack": task.subject},
        hints=(Hint("name-the-folder", "Name the folder of the one you mean, or a version with @."),),
    )
