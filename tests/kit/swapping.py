"""A live environment that tests change by swaps: planned, carried out and taken back for real."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from comfyui_safe_install.resolver.core.layout import Layout
from comfyui_safe_install.resolver.core.ownership import Holding
from comfyui_safe_install.resolver.core.swap import plan_swap
from comfyui_safe_install.resolver.core.swap_types import Arrival, Swap
from comfyui_safe_install.resolver.core.types import Environment, PythonInfo
from comfyui_safe_install.resolver.io.displacement import Displacement, plan_displacement, prepare
from comfyui_safe_install.resolver.io.environment import read_environment
from comfyui_safe_install.resolver.io.listing import survey
from comfyui_safe_install.resolver.io.python_probe import probe_python
from comfyui_safe_install.resolver.io.records import installed_holdings
from comfyui_safe_install.resolver.io.staging import read_stage
from comfyui_safe_install.resolver.transaction import steps
from comfyui_safe_install.tests.kit.venvs import Venv


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A swap that was carried out."""

    swap: Swap
    displacement: Displacement
    steps: tuple[steps.Step, ...]

    def undo(self) -> None:
        """Every step taken back, newest first."""
        for step in reversed(self.steps):
            steps.reverse(step)


class Live:
    """One virtual environment with what the product says of it."""

    def __init__(self, venv: Venv) -> None:
        self.venv = venv
        self.python: PythonInfo = probe_python(venv.python)
        self.layout = Layout.of(self.python)
        self.area = venv.root / "area"

    def environment(self) -> Environment:
        """What is installed now."""
        return read_environment(self.python)

    def holdings(self) -> tuple[Holding, ...]:
        """What is installed now, with files."""
        return installed_holdings(self.environment()).holdings

    def stage(self, name: str, *wheels: Path) -> Arrival:
        """These wheels in a stage of that name, filled by uv as the product does it."""
        folder = self.venv.root.parent / name
        done = subprocess.run(
            [
                find_uv_bin(), "pip", "install", "--quiet", "--offline", "--no-deps", "--no-cache",
                "--no-config", "--link-mode", "copy", "--prefix", str(folder),
                "--python", self.python.executable,
                *(str(wheel) for wheel in wheels),
            ],
            check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        names = {str(canonicalize_name(wheel.name.split("-")[0])): "" for wheel in wheels}
        return read_stage(folder, self.python, names).arrival

    def plan(
        self,
        leaving: Sequence[str] = (),
        arrivals: Sequence[Arrival] = (),
        *,
        displaced: Sequence[str] = (),
        whole_folders: bool = True,
    ) -> Swap:
        """The swap by which the distributions of these names leave and the arrivals come."""
        holdings = self.holdings()
        going = {each.metadata_path for each in holdings if each.distribution.name in leaving}
        paths = {file.path for each in holdings if each.metadata_path in going for file in each.files}
        paths |= {file.path for arrival in arrivals for each in arrival.holdings for file in each.files}
        paths |= going | set(displaced)
        return plan_swap(
            layout=self.layout,
            live=survey(self.layout, paths),
            holdings=holdings,
            leaving=going,
            arrivals=arrivals,
            displaced=displaced,
            whole_folders=whole_folders,
        )

    def carry_out(
        self, swap: Swap, transaction: str = "t1", displaced: str = "2026-01-01T00:00:00.000Z"
    ) -> Done:
        """Make the payloads ready and do every step, as the engine does."""
        displacement = plan_displacement(
            self.area, self.layout, swap, self.holdings(), transaction=transaction, displaced=displaced
        )
        prepare(displacement)
        todo: list[steps.Step] = [steps.Move(source, target) for source, target in displacement.moves]
        todo += [steps.RemoveDir(Path(each.path), each.mode) for each in swap.removed]
        todo += [steps.MakeDir(Path(each.path), each.mode) for each in swap.made]
        todo += [steps.Move(Path(each.stage_path), Path(each.live_path)) for each in swap.incoming]
        for step in todo:
            steps.execute(step)
        return Done(swap=swap, displacement=displacement, steps=tuple(todo))

    def swap(
        self,
        leaving: Sequence[str] = (),
        arrivals: Sequence[Arrival] = (),
        *,
        whole_folders: bool = True,
        transaction: str = "t1",
        displaced: str = "2026-01-01T00:00:00.000Z",
    ) -> Done:
        """Plan a swap without clashes and carry it out."""
        planned = self.plan(leaving, arrivals, whole_folders=whole_folders)
        assert not planned.clashes, planned.clashes
        assert not planned.divided, planned.divided
        return self.carry_out(planned, transaction, displaced)
