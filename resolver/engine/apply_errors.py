"""Why a change was not carried out, in words and with what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.outcome import BY_POLICY
from ..core.swap_types import Swap
from ..core.trials import TrialReport
from ..core.types import Finding
from ..errors import Hint, RefusedError, SafeInstallError


def refused(refusals: Sequence[Finding]) -> SafeInstallError:
    """The error for a plan that must not be applied, with all its reasons.

    A RefusedError where consent or policy stands in the way; where a need cannot be met at all, a failure.
    """
    hints = tuple(dict.fromkeys(hint for finding in refusals for hint in finding.hints))
    by_policy = all(finding.code in BY_POLICY for finding in refusals)
    return (RefusedError if by_policy else SafeInstallError)(
        refusals[0].code,
        " ".join(finding.message for finding in refusals[:3]) + " Nothing was changed.",
        context={"refusals": len(refusals)},
        hints=hints[:4],
    )


def disk_full(needed: int, free: int) -> SafeInstallError:
    """There is not enough space for the stage; both in bytes."""
    return SafeInstallError(
        "disk-full",
        f"Some {needed // 1_000_000} MB are needed beside the environment, "
        f"{free // 1_000_000} MB are free; nothing was changed.",
        context={"needed": needed, "free": free},
        hints=(Hint("free-space", "Free some space on that volume, then try again."),),
    )


def plan_outdated() -> RefusedError:
    """The environment is not the one the plan was made for."""
    return RefusedError(
        "plan-outdated",
        "The environment was changed by something else since the plan was made; nothing was done.",
        hints=(Hint("plan-again", "Plan again and look at what it says now."),),
    )


def trial_failed(trial: TrialReport) -> RefusedError:
    """Something that works now would stop working."""
    first = trial.new_failures[0]
    return RefusedError(
        "trial-failed",
        f"{first.message} With this change it would stop working, so nothing was changed.",
        context={
            "failures": len(trial.new_failures),
            "modules": ", ".join(failure.module for failure in trial.new_failures[:8]),
            "detail": first.detail,
        },
        hints=(
            Hint("see-why", f"See `safe-install why {first.distribution or first.module}`."),
            Hint("other-policy", "Try the other policy: --policy fewest-broken, or newest."),
        ),
    )


def files_contested(swap: Swap) -> RefusedError:
    """Files belong to distributions that stay, and would be overwritten or torn."""
    paths = [clash.path for clash in swap.clashes] + [divided.path for divided in swap.divided]
    owners = sorted({owner for clash in swap.clashes for owner in clash.owners})
    owners += sorted({owner.rpartition("/")[2] for divided in swap.divided for owner in divided.staying})
    return RefusedError(
        "files-contested",
        f"{paths[0]} also belongs to {', '.join(owners[:3]) or 'another distribution'}, which stays; "
        "installing over it would break one of the two.",
        context={"files": len(paths), "owners": ", ".join(owners)},
        hints=(
            Hint(
                "uninstall-one",
                "Uninstall one of the two owners, or add a rule for the family to rules.toml.",
            ),
        ),
    )


def not_as_planned(expected: Mapping[str, str], found: Mapping[str, str]) -> SafeInstallError:
    """After the swap other versions are there than the plan says."""
    wrong = sorted(set(found.items()) ^ set(expected.items()))
    return SafeInstallError(
        "verify-failed",
        "What is installed is not what the plan says; everything was put back.",
        context={"differences": ", ".join(f"{name} {version}" for name, version in wrong[:6])},
        hints=(Hint("report-bug", "Please report this with the output of `safe-install verify --json`."),),
    )


def files_damaged(faults: Sequence[Finding]) -> SafeInstallError:
    """After the swap some file is not what its RECORD says."""
    return SafeInstallError(
        "verify-failed",
        f"Files are not what their RECORD says; everything was put back. {faults[0].message}",
        context={"faults": len(faults)},
        hints=(Hint("try-again", "Try again; if it happens twice, check the disk."),),
    )


def state_unwritable(path: Path, error: OSError) -> SafeInstallError:
    """A file of the state folder could not be written."""
    return SafeInstallError(
        "state-unwritable",
        f"The state folder cannot be written: {error.strerror or error} ({path})",
        context={"path": path},
        hints=(Hint("free-space", "See that the disk is not full and that this folder is writable."),),
    )
