"""A ComfyUI with a real environment, an index of its own, and packs to plan with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from comfyui_safe_install.resolver.core.merge import Policy
from comfyui_safe_install.resolver.core.plan import Plan
from comfyui_safe_install.resolver.core.types import Decision, Finding
from comfyui_safe_install.resolver.engine.planned import Options
from comfyui_safe_install.resolver.engine.session import Session
from comfyui_safe_install.resolver.wiring import PageProbe, open_site
from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.venvs import Venv, install, make_venv
from comfyui_safe_install.tests.kit.wheels import make_sdist, make_wheel


@dataclass
class Workbench:
    """One host and one index; everything a test says stands in the test."""

    root: Path
    index: IndexServer
    core: str = ""
    venv: Venv = field(init=False)
    comfy: Path = field(init=False)

    def __post_init__(self) -> None:
        """Make the folders."""
        self.venv = make_venv(self.root / "venv")
        self.comfy = make_comfy(self.root / "comfy", requirements=self.core)

    # --- what there is -------------------------------------------------------------------------------------------

    def requires(self, *lines: str) -> None:
        """ComfyUI's own requirements."""
        (self.comfy / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def offer(self, name: str, version: str, *requires: str, **options: str) -> Path:
        """A wheel on the index."""
        return make_wheel(self.index.folder, name, version, requires=requires, **options)  # type: ignore[arg-type]

    def offer_source(
        self, name: str, version: str, *, fails: bool = False, touches: Path | None = None
    ) -> Path:
        """An sdist on the index."""
        return make_sdist(self.index.folder, name, version, fails=fails, touches=touches)

    def install(self, name: str, version: str, *requires: str, tag: str = "py3-none-any") -> None:
        """A distribution in the environment, as if it came from the index, which has it too."""
        folder = self.root / "installed"
        wheel = make_wheel(folder, name, version, requires=requires, tag=tag)
        install(self.venv, wheel)
        # uv notes that it came from a file; what came from an index has no such note (PEP 610).
        (self.info(name) / "direct_url.json").unlink()
        if "+" not in version:
            make_wheel(self.index.folder, name, version, requires=requires, tag=tag)

    def info(self, name: str) -> Path:
        """The metadata folder of an installed distribution."""
        (folder,) = self.venv.site_packages.glob(f"{name.replace('-', '_')}-*.dist-info")
        return folder

    def pack(self, name: str, *lines: str, files: Mapping[str, str] | None = None) -> str:
        """A pack that is to be installed; what to name it to a plan by."""
        folder = self.root / "sources" / name
        _write_pack(folder, lines, files)
        return str(folder)

    def own_pack(self, name: str, *lines: str, files: Mapping[str, str] | None = None) -> None:
        """A pack that is installed already."""
        _write_pack(self.comfy / "custom_nodes" / name, lines, files)

    # --- what is planned -----------------------------------------------------------------------------------------

    def session(self, *, state: Path | None = None, refresh: bool = False) -> Session:
        """A session with this host."""
        site = open_site(self.comfy, python=self.venv.python, state=state, refresh=refresh)
        return Session(site=site, probe=PageProbe())

    def plan(
        self,
        *sources: str,
        allow: Collection[str] = (),
        policy: Policy = Policy.NEWEST,
        strategy: str = "merged",
        state: Path | None = None,
    ) -> Plan:
        """The plan that installs these packs; of everything, where none is named."""
        options = Options(policy=policy, strategy=strategy, allowed=frozenset(allow))
        session = self.session(state=state)
        planned = session.plan_install(sources, options) if sources else session.plan_sync(options)
        with planned:
            return planned.plan


def _write_pack(folder: Path, lines: Sequence[str], files: Mapping[str, str] | None) -> None:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n", encoding="utf-8")
    if lines:
        (folder / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, content in (files or {}).items():
        (folder / name).write_text(content, encoding="utf-8")


# --- reading plans ---------------------------------------------------------------------------------------------------


def changes(plan: Plan) -> dict[str, str]:
    """{name: version after}, with `-` for what goes."""
    return {change.name: change.after or "-" for change in plan.changes}


def decision(plan: Plan, package: str) -> Decision:
    """The one decision about the package."""
    (found,) = [each for each in plan.decisions if each.package == package]
    return found


def violated(plan: Plan) -> set[tuple[str, str]]:
    """(who, requirement) of every line somebody has to give up."""
    return {(wish.pack, wish.requirement) for each in plan.decisions for wish in each.violates}


def finding(plan: Plan, code: str) -> Finding:
    """The one finding with that code."""
    (found,) = [each for each in plan.findings if each.code == code]
    return found


def codes(plan: Plan) -> list[str]:
    """The codes of all findings."""
    return [each.code for each in plan.findings]


def status(plan: Plan, pack: str) -> tuple[str, str]:
    """How a pack came through, with the reason."""
    (found,) = [each for each in plan.packs if each.name == pack]
    return found.status, found.reason
