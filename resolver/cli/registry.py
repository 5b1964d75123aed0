"""The command search: packs of the Comfy Registry."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from ..core.pack_names import fold_name
from ..core.registry import RegistryPack, RegistryVersion
from ..core.registry_judgement import Judgement
from ..core.registry_preview import dependency_lines
from ..core.types import Finding
from ..engine.registry_view import Detail, Found, installed_ids, look_up
from ..engine.registry_view import search as look_for
from ..errors import Hint, UsageError
from .console import Style, plain
from .plan_text import finding_lines
from .work import Outcome, Work

_LONGEST = 100
_MOST_VERSIONS = 10


def search(work: Work, args: argparse.Namespace) -> Outcome:
    """Show packs that match, or one with its versions."""
    console, site = work.console, work.session.site
    if args.show:
        detail = look_up(site, args.show)
        console.say(detail_lines(detail, console.out_style, verbose=console.verbose))
        return Outcome({"ok": True, **detail.to_dict()})
    if args.node and args.text:
        raise UsageError(
            "usage",
            "Either a TEXT is looked for, or a --node.",
            hints=(Hint("see-help", "See `safe-install search --help`."),),
        )
    found = look_for(
        site.registry,
        args.text,
        node=args.node,
        page=args.page,
        limit=args.limit,
        installed=installed_ids(site),
    )
    console.say(found_lines(found, console.out_style))
    return Outcome({"ok": True, **found.to_dict()})


def found_lines(found: Found, style: Style) -> Iterator[str]:
    """One line for each pack, and what there is beyond this page."""
    page = found.page
    for pack in page.packs:
        here = found.installed.get(fold_name(pack.id), "")
        mark = style("green", f"  installed {plain(here)}") if here else ""
        yield f"{style('bold', plain(pack.id))}  {_version_words(pack)}  {_who(pack)}{mark}"
        if pack.description:
            yield f"    {_short(pack.description)}"
    if not page.packs:
        yield "No packs found."
    elif page.pages > 1:
        yield style(
            "dim", f"page {page.page} of {page.pages}, {page.total} packs; --page {page.page + 1} shows more"
        )
    yield from _said(found.findings, found.age, style)


def detail_lines(detail: Detail, style: Style, *, verbose: bool) -> Iterator[str]:
    """One pack with its versions and what speaks against each."""
    pack = detail.pack
    yield f"{style('bold', plain(pack.id))}  {plain(pack.name)}  {_who(pack)}"
    if detail.installed:
        yield style("green", f"  installed {plain(detail.installed)}")
    for line in (_short(pack.description), plain(pack.repository), plain(pack.license)):
        if line:
            yield f"  {line}"
    shown = detail.versions if verbose else detail.versions[:_MOST_VERSIONS]
    for version, judgement in shown:
        yield from _version_lines(version, judgement, style)
    if len(shown) < len(detail.versions):
        yield style("dim", f"  {len(detail.versions) - len(shown)} older ones; --verbose shows them")
    if not detail.versions:
        yield f"  no version to install; its repository can be had as {plain(pack.id)}@nightly"
        yield from (f"    {line}" for line in finding_lines(detail.nightly.refusals, style, verbose=True))
    yield from _said(detail.findings, detail.age, style)


def _version_lines(version: RegistryVersion, judgement: Judgement, style: Style) -> Iterator[str]:
    marks = [] if version.status == "active" else [plain(version.status)]
    marks += ["deprecated"] if version.deprecated else []
    mark = style("yellow", f"  {', '.join(marks)}") if marks else ""
    yield f"  {plain(version.version)}  {plain(version.created)[:10]}{mark}"
    needs = dependency_lines(version.dependencies)
    if needs:
        yield style("dim", f"    asks for {_short(', '.join(needs))}")
    told = (*judgement.refusals, *judgement.findings)
    yield from (f"    {line}" for line in finding_lines(told, style, verbose=True))


def _said(findings: Sequence[Finding], age: float, style: Style) -> Iterator[str]:
    yield from finding_lines(findings, style, verbose=True)
    if age >= 1 and not findings:
        yield style("dim", f"as the Registry said {age:.0f} s ago; --refresh asks again")


def _version_words(pack: RegistryPack) -> str:
    return plain(pack.latest.version) if pack.latest else "nightly only"


def _who(pack: RegistryPack) -> str:
    who = plain(pack.publisher_name or pack.publisher or pack.author)
    return f"by {who}, {pack.downloads} downloads" if who else f"{pack.downloads} downloads"


def _short(text: str) -> str:
    line = plain(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
