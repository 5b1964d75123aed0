"""A pack of the Registry, brought here: judged before anything is downloaded, marked as Manager would."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.gather import gather
from ...core.pack_names import check_pack_name
from ...core.pack_origin import PackOrigin
from ...core.registry import LATEST, NIGHTLY, Answer, RegistryPack, RegistryVersion
from ...core.registry_judgement import Here, judge, no_version
from ...core.registry_preview import differing
from ...core.sources import SourceSpec, parse_source
from ...core.types import Finding, Pack
from ...errors import Hint, RefusedError, SafeInstallError, UsageError
from ...registry_port import Downloaded, OnBytes
from ..archives import extract_zip
from ..downloads import may_follow
from ..fetched import FetchedPack, finish
from ..git import clone
from ..pack_files import pack_reader, root_names
from ..trees import remove_tree
from .client import RegistryClient
from .marks import find_installed, mark_findings, write_id, write_tracking

_COMMIT = re.compile(r"^[0-9a-f]{7,40}$")
_SHORT_VERSION = re.compile(r"^\d+(\.\d+)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFetcher:
    """Brings packs of the Registry here. Blocks; uses the network."""

    client: RegistryClient
    here: Here
    known: Sequence[tuple[Pack, PackOrigin]]
    """The packs that are installed, disabled ones included."""
    allowed: Collection[str] = ()
    cancel: threading.Event | None = None
    on_line: Callable[[str], None] | None = None
    on_bytes: OnBytes | None = None

    def fetch(self, spec: SourceSpec, aside: Path) -> FetchedPack:
        """The pack in `aside/<folder name>`: its id, or the name of the folder in which it is installed already.

        After a failure or a cancel nothing is left in `aside`. Raises what the client raises, RefusedError with
        the code of a refusal of `core.registry_judgement`, `download-hash-differs`, and what unpacking raises.
        """
        client = self.client.anew(self.cancel)
        told = client.pack(spec.location)
        pack = told.value
        check_pack_name(pack.id)
        version: Answer[RegistryVersion] | None = None
        if spec.ref != NIGHTLY and not _COMMIT.match(spec.ref):
            self._refuse(pack, None)  # The pack first: of a banned one no version is listed.
            version = self._choose(client, told, spec.ref)
        findings = self._refuse(pack, version.value if version else None)
        there = find_installed(pack, self.known)
        findings += (*told.findings, *(version.findings if version else ()), *there.findings)
        aside.mkdir(parents=True, exist_ok=True)
        if version is None:
            fetched = self._clone(spec, pack, there.pack, aside)
        else:
            fetched = self._unpack(client, spec, version.value, there.pack, aside)
        return replace(
            fetched, replaces=there.pack, findings=tuple(dict.fromkeys((*findings, *fetched.findings)))
        )

    # --- before anything is downloaded --------------------------------------------------------------------

    @staticmethod
    def _choose(client: RegistryClient, told: Answer[RegistryPack], wanted: str) -> Answer[RegistryVersion]:
        pack = told.value
        if wanted in ("", LATEST):
            if pack.latest is None and pack.unclaimed:
                raise _refused([no_version(pack)])
            return client.newest_of(told)
        if _SHORT_VERSION.match(wanted):
            wanted = ".".join([*wanted.split("."), "0", "0"][:3])
        return client.version(pack.id, wanted)

    def _refuse(self, pack: RegistryPack, version: RegistryVersion | None) -> tuple[Finding, ...]:
        """What is to be told of it. Raises the refusal, where there is one."""
        judgement = judge(pack, version, self.here, self.allowed)
        if judgement.refusals:
            raise _refused(judgement.refusals)
        return judgement.findings

    # --- a published version ------------------------------------------------------------------------------

    def _unpack(
        self,
        client: RegistryClient,
        spec: SourceSpec,
        version: RegistryVersion,
        there: Pack | None,
        aside: Path,
    ) -> FetchedPack:
        what = f"{version.pack}@{version.version}"
        self._say(f"{what}: downloading from the Registry")
        place = client.shelf.place(version)
        archive = client.download(version, place, cancel=self.cancel, on_bytes=self.on_bytes)
        _check_hash(spec, archive)
        target = aside / (there.name if there else version.pack)
        try:
            unpacked = extract_zip(archive.path, target, cancel=self.cancel)
            write_tracking(target, unpacked.names)
            fetched = finish(
                replace(spec, text=what, name=target.name), target.name, target, left_out=unpacked.left_out
            )
            preview = differing(
                version.pack,
                version.dependencies,
                gather(version.pack, pack_reader(target), root_names(target)),
            )
            findings = (*preview, *mark_findings(version.pack, version.version, target), *fetched.findings)
            return replace(
                fetched,
                registry_id=version.pack,
                version=version.version,
                sha256=archive.sha256,
                findings=findings,
            )
        except SafeInstallError as error:
            remove_tree(target)
            if error.code in ("archive-unreadable", "unsafe-archive", "not-a-pack"):
                # Or the same broken file would be taken again and again.
                client.shelf.drop(place)
            raise
        except BaseException:
            remove_tree(target)
            raise

    # --- its repository -----------------------------------------------------------------------------------

    def _clone(self, spec: SourceSpec, pack: RegistryPack, there: Pack | None, aside: Path) -> FetchedPack:
        if self.client.offline:
            raise self.client.not_asked("repositories are not asked either")
        repository = _repository_of(pack, self.client.base)
        ref = "" if spec.ref == NIGHTLY else spec.ref
        target = aside / (there.name if there else _nightly_name(pack, repository))
        self._say(f"{pack.id}@{spec.ref}: cloning {repository.text}")
        try:
            clone(repository.location, target, ref=ref, cancel=self.cancel, on_line=self.on_line)
            write_id(target, pack.id)
            return replace(
                finish(replace(repository, text=f"{pack.id}@{spec.ref}"), target.name, target),
                registry_id=pack.id,
            )
        except BaseException:
            remove_tree(target)
            raise

    def _say(self, line: str) -> None:
        if self.on_line is not None:
            self.on_line(line)


def _nightly_name(pack: RegistryPack, repository: SourceSpec) -> str:
    """As Manager names it (4.3, `install_by_id`): by its repository where the pack has no publisher at all."""
    return pack.id if pack.publisher or pack.publisher_name else check_pack_name(repository.name)


def _repository_of(pack: RegistryPack, base: str) -> SourceSpec:
    """Its repository, where a word of the Registry's is enough for it: none of this machine or its network."""
    try:
        spec = parse_source(f"git+{pack.repository}", exists=lambda _path: False)
        if may_follow(base, spec.location):
            return spec
        why = "only a public one is cloned on its word."
    except (UsageError, RefusedError) as error:
        why = error.message
    except ValueError:
        why = "it is no address."
    raise RefusedError(
        "registry-repository-refused",
        f"The repository the Registry names for {pack.id} is not used: {why}",
        context={"pack": pack.id, "repository": pack.repository[:500]},
        hints=(Hint("use-git", "If you know its repository, install it: git+https://host/owner/name."),),
    )


def _check_hash(spec: SourceSpec, archive: Downloaded) -> None:
    if spec.sha256 and spec.sha256 != archive.sha256:
        raise RefusedError(
            "download-hash-differs",
            f"The archive of {spec.location} is not the one that was asked for: its sha256 is {archive.sha256}.",
            context={"wanted": spec.sha256, "found": archive.sha256},
            hints=(Hint("look-into-it", "The Registry has another archive under this version than before."),),
        )


def _refused(refusals: Iterable[Finding]) -> RefusedError:
    first, *others = refusals
    return RefusedError(
        first.code,
        " ".join([first.message, *(each.message for each in others)]),
        context={"pack": first.pack},
        hints=tuple(dict.fromkeys(hint for each in (first, *others) for hint in each.hints)),
    )
