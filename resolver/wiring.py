"""Putting the real thing behind the engine's ports."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import cast

from .core.pyproject import read_toml
from .core.reader import MAX_FILE_BYTES
from .core.retention import RetentionPolicy, parse_policy
from .core.rules import Rules, parse_rules
from .core.settings import Settings, invalid_settings, parse_settings
from .core.types import PythonInfo
from .engine.candidates import Candidates
from .engine.missing import MissingSearch, Running
from .engine.session import Session
from .errors import Hint, UsageError
from .io.archives import DEFAULT_LIMITS, check_archive
from .io.downloads import ask
from .io.node_sight import NodeSight
from .io.python_probe import ChosenPython, default_python, probe_python
from .io.site import LiveSite
from .io.workspace import Workspace, open_workspace
from .ports import Reporter, Silence, Site
from .transaction.fs import read_regular

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

__all__ = [
    "LARGEST_ARCHIVE",
    "LiveSite",
    "PageProbe",
    "check_archive",
    "choose_python",
    "load_retention",
    "load_rules",
    "load_settings",
    "missing_search",
    "open_site",
]

LARGEST_ARCHIVE = DEFAULT_LIMITS.bytes
"""Bytes: what an archive may unpack to, and so what it may have."""
SHIPPED_RULES = Path(__file__).with_name("rules.toml")


@functools.cache
def _shipped_rules() -> Rules:
    """Read once: a server asks for them with every request, and hundreds of small values are no small garbage."""
    return parse_rules(tomllib.loads(SHIPPED_RULES.read_text(encoding="utf-8")))


def load_rules(state: Path) -> Rules:
    """The shipped rules with the user's own `rules.toml` in the state folder over them.

    Raises UsageError `rules-invalid`.
    """
    own = state / "rules.toml"
    if not own.is_file():
        return _shipped_rules()
    tables = [tomllib.loads(SHIPPED_RULES.read_text(encoding="utf-8"))]
    try:
        tables.append(read_toml(read_regular(own, MAX_FILE_BYTES).decode("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            "rules-invalid",
            f"{own} cannot be read: {error}.",
            hints=(Hint("fix-rules-file", "Correct the file, or remove it to use the shipped rules."),),
        ) from error
    return parse_rules(*tables)


def load_retention(state: Path) -> RetentionPolicy:
    """How much is kept: the table `[keep]` of `settings.toml` in the state folder, else what is usual.

    Raises UsageError `settings-invalid`.
    """
    table = _settings_file(state).get("keep", {})
    if not isinstance(table, dict):
        raise invalid_settings("[keep] must be a table")
    return parse_policy(table)


def load_settings(state: Path) -> Settings:
    """Everything else in `settings.toml`. Reads it anew each time. Raises UsageError `settings-invalid`."""
    return parse_settings(_settings_file(state))


def _settings_file(state: Path) -> dict[str, object]:
    path = state / "settings.toml"
    if not path.is_file():
        return {}
    try:
        table: dict[str, object] = tomllib.loads(read_regular(path, MAX_FILE_BYTES).decode("utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_settings(f"{path} cannot be read: {error}") from error
    return table


def open_site(
    comfyui: Path,
    *,
    python: Path | None = None,
    state: Path | None = None,
    custom_nodes: Sequence[Path] | None = None,
    refresh: bool = False,
    known: PythonInfo | None = None,
) -> LiveSite:
    """The ComfyUI and the environment to work on. Writes nothing.

    Starts the interpreter once, unless it is `known`, as an earlier site of the same `python` had it.
    """
    workspace = open_workspace(comfyui, state, custom_nodes=custom_nodes)
    return LiveSite(
        workspace,
        known or probe_python(python or choose_python(workspace).executable),
        load_rules(workspace.state),
        retention=load_retention(workspace.state),
        refresh=refresh,
        registry=load_settings(workspace.state).registry,
    )


def session_on(
    site: LiveSite, report: Reporter | None = None, cancel: threading.Event | None = None
) -> Session:
    """What a user can do with it. Blocks in every call; not shared between threads."""
    # The port's methods take back only what this very site handed out, which no type here can say.
    return Session(site=cast("Site", site), probe=PageProbe(), report=report or Silence(), cancel=cancel)


def missing_search(
    site: LiveSite | Site,
    *,
    running: Running | None = None,
    report: Reporter | None = None,
    cancel: threading.Event | None = None,
) -> MissingSearch:
    """The search for what a workflow lacks; `running` is what a running host tells. Blocks when it looks."""
    live = cast("LiveSite", site)
    sight = NodeSight(live.workspace, live.python)
    report = report or Silence()

    def on_question(what: str) -> None:
        report.log(f"Asking the Registry about {what}")

    candidates = Candidates(sight=sight, registry=live.registry, cancel=cancel, on_question=on_question)
    return MissingSearch(packs=live, sight=sight, candidates=candidates, running=running)


def choose_python(workspace: Workspace) -> ChosenPython:
    """The interpreter a user most likely means, with the reason."""
    return default_python(workspace.comfyui)


class PageProbe:
    """Asks an extra index for a package's page (PEP 503). Blocks."""

    def served(self, index: str, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the names the index has a page for; () when it cannot be reached."""
        return tuple(name for name in names if self._has_page(index, name))

    @staticmethod
    def _has_page(index: str, name: str) -> bool:
        try:
            with ask(f"{index.rstrip('/')}/{name}/", seconds=15) as answer:
                return answer.status == HTTPStatus.OK
        except (OSError, ValueError):
            return False
