"""install.py of new packs: run only with consent, with a diff of the environment afterwards."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from ..core.types import Finding
from ..core.verdicts import changes_between
from ..errors import Hint, SafeInstallError
from ..ports import Reporter, Site

CONSENT = "install-py"
"""The word of `--allow` that lets these scripts run."""


def run_install_scripts(
    site: Site, packs: Sequence[tuple[str, Path]], report: Reporter, cancel: threading.Event | None
) -> tuple[Finding, ...]:
    """Run install.py of each (name, live folder) that has one; what it did to the environment, as findings.

    A script that fails, hangs or is cancelled is a finding too: the pack is in place already. Blocks.
    """
    return tuple(
        _run(site, name, place, report, cancel) for name, place in packs if (place / "install.py").is_file()
    )


def _run(site: Site, name: str, place: Path, report: Reporter, cancel: threading.Event | None) -> Finding:
    report.stage("install-py", f"Running install.py of {name}")
    before = site.environment()
    try:
        code = site.run_install_script(place, cancel, report.log)
        end = "succeeded" if code == 0 else f"failed with exit code {code}"
    except SafeInstallError as error:
        code, end = 1, f"was stopped: {error.message.rstrip('.')}"
    after = site.environment()
    changes = changes_between(before, after.versions, ())
    words = ", ".join(f"{change.name} {change.before or '-'} -> {change.after or '-'}" for change in changes)
    return Finding(
        code="install-script-ran" if code == 0 else "install-script-failed",
        message=f"install.py of {name} {end}; it changed: {words or 'no distribution'}.",
        pack=name,
        file="install.py",
        hints=(Hint("roll-back", "`safe-install rollback` goes back to before this install."),),
    )
