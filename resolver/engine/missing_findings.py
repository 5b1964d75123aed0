"""What is said of node types that no task can bring, and of packs that are there and do not fit. Pure words."""

from __future__ import annotations

from ..core.missing import PackWanted, TypeReport, TypeState
from ..core.types import Finding, Pack
from ..errors import Hint, UsageError
from .versions import is_older

ABOUT_STATE = frozenset(
    {
        TypeState.FAILED,
        TypeState.ABSENT,
        TypeState.CORE,
        TypeState.BY_HAND,
        TypeState.UNKNOWN,
        TypeState.ASSUMED,
    }
)
"""The states of which `finding_of` has something to say."""


def finding_of(report: TypeReport, comfyui_version: str) -> Finding:
    """Why a type stays missing, and what the user can do."""
    name = report.name
    first = report.candidates[0] if report.candidates else None
    if first is None or report.state is TypeState.UNKNOWN:
        return Finding(
            code="node-type-unknown",
            message=f"Nobody that was asked knows a pack with the node {name}.",
            text=name,
            hints=(
                Hint(
                    "look-for-the-pack",
                    "Ask whoever made the workflow; it may be a pack of their own, or a node that only a pack's"
                    " web page draws.",
                ),
            ),
        )
    pack = first.installed or first.name
    if report.state is TypeState.FAILED:
        return Finding(
            code="pack-import-failed",
            message=f"{name} is of the pack {pack}, which is installed, but ComfyUI has not loaded it.",
            pack=pack,
            text=name,
            hints=(
                Hint(
                    "see-the-log", "ComfyUI's log says why it failed. If it was installed just now, restart."
                ),
                Hint("fix-pack", f"A task `fix` for {pack} meets its requirements anew."),
            ),
        )
    if report.state is TypeState.ABSENT:
        return Finding(
            code="node-type-not-in-pack",
            message=f"{name} should be of the pack {pack}, which is installed and loaded and does not bring it.",
            pack=pack,
            text=name,
            hints=(
                Hint(
                    "update-pack", f"A newer version of {pack} may bring it; or it was renamed or taken out."
                ),
            ),
        )
    if report.state is TypeState.ASSUMED:
        return Finding(
            code="node-type-not-seen",
            message=f"{name} should be of the pack {pack}, which is installed; its files do not say so plainly.",
            pack=pack,
            text=name,
            hints=(Hint("ask-the-host", "A running ComfyUI knows for sure: open the workflow there."),),
        )
    if report.state is TypeState.BY_HAND:
        return Finding(
            code="pack-by-hand",
            message=f"{name} is of {pack} ({first.subject}), which cannot be installed from here.",
            pack=pack,
            text=name,
            hints=(
                Hint("install-by-hand", "Look at it, and if you trust it put it into custom_nodes yourself."),
            ),
        )
    if is_older(comfyui_version, first.version):
        return Finding(
            code="comfyui-too-old",
            message=f"{name} is ComfyUI's own, of version {first.version} or before; this is {comfyui_version}.",
            text=name,
            hints=(Hint("update-comfyui", "Update ComfyUI itself."),),
        )
    here = f"this ComfyUI ({comfyui_version})" if comfyui_version else "this ComfyUI"
    return Finding(
        code="core-node-missing",
        message=f"{name} is ComfyUI's own, and {here} does not have it.",
        text=name,
        hints=(
            Hint(
                "see-comfyui-options",
                "It may be of another version, or switched off (as --disable-api-nodes does for nodes that ask"
                " services).",
            ),
        ),
    )


def looked_at_files() -> Finding:
    """No running ComfyUI was asked."""
    return Finding(
        code="static-look",
        message="No running ComfyUI was asked: the node types are those that the files of ComfyUI and of the"
        " installed packs declare.",
        hints=(Hint("ask-the-host", "In ComfyUI itself the answer is exact."),),
    )


def named_by_workflow_alone(pack: PackWanted) -> Finding:
    """Whoever made the workflow says where code is to be fetched from."""
    return Finding(
        code="pack-named-by-workflow-alone",
        message=f"The repository {pack.candidate.subject} is named by the workflow alone: neither the Registry nor"
        " ComfyUI-Manager knows it.",
        pack=pack.candidate.name,
        hints=(
            Hint("look-at-the-repository", "Look at it before you install it: its code runs in ComfyUI."),
        ),
    )


def comfyui_older(ours: str, theirs: str) -> Finding:
    """The workflow was made with a newer ComfyUI."""
    return Finding(
        code="workflow-of-newer-comfyui",
        message=f"The workflow was made with ComfyUI {theirs}; this is {ours}.",
        hints=(
            Hint(
                "update-comfyui",
                "If it does not run as it should, or uses nodes nobody knows, update ComfyUI.",
            ),
        ),
    )


def pack_older(pack: Pack, theirs: str) -> Finding:
    """The workflow was made with a newer version of an installed pack."""
    return Finding(
        code="pack-older-than-workflow",
        message=f"The workflow was made with {pack.name} {theirs}; installed is {pack.version}.",
        pack=pack.name,
        hints=(Hint("update-pack", f"If it does not run as it should, update {pack.name}."),),
    )


def from_another_pack(name: str, folder: str, named: str) -> Finding:
    """Another pack has a node of that name."""
    return Finding(
        code="node-type-of-another-pack",
        message=f"{name} is there, brought by {folder}; the workflow was made with that of {named}.",
        pack=folder,
        text=name,
        hints=(Hint("compare-nodes", "If it does not run as it should, the other pack's node is meant."),),
    )


def choice_unknown(name: str, pack: str, report: TypeReport | None) -> UsageError:
    """A choice that is none."""
    if report is None:
        why = f"There is nothing to choose for a node type {name!r}."
    else:
        options = ", ".join(each.subject for each in report.candidates)
        why = f"{pack!r} is none of the packs that bring {name}: {options}."
    return UsageError(
        "choice-unknown",
        why,
        context={"type": name, "pack": pack},
        hints=(Hint("see-choices", "Look at the choices without --choose, and name one of them."),),
    )
