"""From a request to what was done: the real engine in the thread of the jobs, without a server around."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from comfyui_safe_install.resolver.core.types import LockedPackage
from comfyui_safe_install.resolver.engine.downloading import Download
from comfyui_safe_install.resolver.errors import RefusedError, UsageError
from comfyui_safe_install.server_routes import wire
from comfyui_safe_install.server_routes.desk import Desk
from comfyui_safe_install.server_routes.host import Host
from comfyui_safe_install.server_routes.job import JobOrder
from comfyui_safe_install.server_routes.ordering import order_of
from comfyui_safe_install.server_routes.plans import KeptPlan, Plans
from comfyui_safe_install.server_routes.wanted import Wanted
from comfyui_safe_install.tests.kit.installation import Installation, differences


class BenchHost(Host):
    """A host that is a folder alone."""

    def __init__(self, here: Installation, listens_on: tuple[str, ...] = ("127.0.0.1",)) -> None:
        super().__init__(None)
        self._here, self._listens_on = here, listens_on

    @property
    def comfyui(self) -> Path:
        """Where it is."""
        return self._here.comfy

    @property
    def custom_nodes(self) -> tuple[Path, ...]:
        """Its packs."""
        return (self._here.packs,)

    @property
    def state(self) -> Path:
        """Our folder."""
        return self._here.state

    @property
    def python(self) -> Path:
        """Its environment."""
        return self._here.venv.python

    @property
    def loaded_packs(self) -> Mapping[str, Path]:
        """None: nothing runs."""
        return {}

    @property
    def listens_on(self) -> tuple[str, ...]:
        """As it was told."""
        return self._listens_on


@pytest.fixture
def desk(here: Installation) -> Iterator[Desk]:
    """A desk on a ComfyUI in which one distribution is installed."""
    here.have("settled", "1.0")
    here.wheel("settled", "2.0")
    here.wheel("fresh", "1.0")
    made = Desk(BenchHost(here))
    yield made
    made.jobs.close(5)


def request(kind: str, params: dict[str, Any], **more: Any) -> wire.TaskRequest:
    """One task, as it is sent."""
    return wire.TaskRequest(ui_id="u", client_id="c", kind=kind, params=params, **more)


def do(desk: Desk, order: JobOrder) -> wire.Job:
    """The job of that order, once it is over."""
    job = desk.submit(order)
    deadline = time.monotonic() + 60
    while not desk.jobs.get(job.id).ended:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return desk.jobs.get(job.id)


def told(job: wire.Job) -> dict[str, Any]:
    """The result of a job that was done."""
    assert job.state == "done", job.error
    assert job.result is not None
    return dict(job.result)


def test_what_fails_after_the_commit_does_not_look_like_a_failure(
    desk: Desk, here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change stands, so the job is done, and says what was cut short."""

    def fail(*_: object) -> None:
        raise RuntimeError("the disk went away")

    monkeypatch.setattr("comfyui_safe_install.resolver.engine.applying.collect", fail)
    job = do(desk, order_of(request("install", {"source": here.source("A", "fresh")}), desk))
    (finding,) = told(job)["applied"]["findings"]
    assert finding["code"] == "stopped-after-commit"
    assert told(job)["applied"]["transaction"] == job.transaction_id
    assert here.versions()["fresh"] == "1.0"


def test_a_job_that_died_after_its_commit_says_that_its_change_stands(desk: Desk, here: Installation) -> None:
    """Or that it waits, or was taken back: as the journal tells, not as the job last knew."""
    stands = do(desk, order_of(request("install", {"source": here.source("A", "fresh")}), desk))
    later = request("install", {"source": here.source("B", "settled==2.0")}, at_next_start=True)
    waits = do(desk, order_of(later, desk))
    desk.jobs.close(10)
    for job in (stands, waits):
        file = here.state / "jobs" / f"{job.id}.json"
        file.write_text(file.read_text().replace('"state": "done"', '"state": "running"'))
    after = Desk(BenchHost(here)).jobs
    found = {job.id: after.get(job.id) for job in (stands, waits)}
    outcomes = [(each.result or {})["outcome"] for each in found.values()]
    assert [each.state for each in found.values()] == ["interrupted", "interrupted"]
    assert outcomes == ["committed", "waiting"]
    fault = found[stands.id].error
    assert fault is not None
    assert "stands" in fault.message
    assert [hint.code for hint in fault.hints] == ["roll-back"]
    assert (found[stands.id].result or {})["snapshot"] == told(stands)["applied"]["snapshot"]


def test_a_change_is_kept_for_the_next_start_when_asked(desk: Desk, here: Installation) -> None:
    """Staged and tried, nothing live touched; the job says what it waits for."""
    before = here.tree()
    order = order_of(request("install", {"source": here.source("A", "fresh")}, at_next_start=True), desk)
    job = do(desk, order)
    assert told(job)["applied"]["deferred"]["why"] == "asked"
    assert job.restart == "restart"
    assert job.cancellable is False
    assert differences(before, here.tree()) == []


def test_nothing_to_do_is_a_success_that_changed_nothing(desk: Desk, here: Installation) -> None:
    """As Manager says it: skip."""
    job = do(desk, order_of(request("sync", {}), desk))
    assert told(job)["applied"] is None
    assert job.status is not None
    assert (job.status.status_str, job.restart) == ("skip", "none")
    assert job.transaction_id is None


def test_edited_files_are_repaired_with_a_yes_alone(desk: Desk, here: Installation) -> None:
    """The plan names them; a plan of a repair is applied by its id too."""
    module = here.venv.site_packages / "settled" / "__init__.py"
    whole = module.read_bytes()
    module.unlink()  # The file may share its bytes with uv's cache.
    module.write_bytes(whole + b"# edited by hand\n")
    refused = do(desk, order_of(request("repair", {"names": ["settled"]}), desk))
    assert refused.error is not None
    assert refused.error.code == "consent-needed"
    kept = desk.plans.get(refused.plan_id or "").shown
    assert kept.repair is not None
    assert [item.name for item in kept.repair.items] == ["settled"]
    apply = request("apply", {"plan_id": kept.id}, agree=kept.fingerprint)
    with pytest.raises(UsageError) as waiting:
        order_of(apply.model_copy(update={"at_next_start": True}), desk)
    assert waiting.value.code == "repair-cannot-wait"
    told(do(desk, order_of(apply, desk)))
    assert module.read_bytes() == whole


def test_the_tiers_hold_for_what_comes_over_http_and_not_for_callers_within(here: Installation) -> None:
    """Where others can reach ComfyUI, nobody installs a folder of this computer, nor looks into one."""
    desk = Desk(BenchHost(here, listens_on=("0.0.0.0",)))
    asked = request("install", {"source": here.source("A")})
    for only_plan in (False, True):
        with pytest.raises(RefusedError) as refused:
            order_of(asked, desk, only_plan=only_plan)
        assert refused.value.code == "local-source-not-allowed"
    assert order_of(asked, desk, trusted=True).kind == "install"
    desk.jobs.close(1)


def test_a_yes_is_for_one_plan_only(desk: Desk, here: Installation) -> None:
    """Also where the plan it would come to needs none."""
    source = here.source("A", "fresh")
    job = do(desk, order_of(request("install", {"source": source}, agree="f" * 64), desk))
    assert job.error is not None
    assert job.error.code == "plan-changed"
    assert not (here.packs / "A").exists()


def test_a_plan_is_found_until_newer_ones_take_its_place() -> None:
    """Their number is bounded."""
    plans = Plans(keep=2)
    for number in range(3):
        shown = wire.Plan.model_construct(id=f"plan-{number}")
        plans.keep(KeptPlan(shown=shown, wanted=Wanted(kind="sync")))
    assert plans.get("plan-2").shown.id == "plan-2"
    with pytest.raises(UsageError) as gone:
        plans.get("plan-0")
    assert gone.value.code == "plan-not-found"


def test_a_job_is_known_as_what_it_does(desk: Desk) -> None:
    """One kind by its name, several as tasks, and a plan as a plan."""
    item = {"ui_id": "u", "client_id": "c"}
    mixed = wire.TaskRequest.model_validate(
        {
            "tasks": [
                {**item, "kind": "uninstall", "params": {"node_name": "A"}},
                {**item, "kind": "disable", "params": {"node_name": "B"}},
            ]
        }
    )
    order = order_of(mixed, desk)
    assert (order.kind, order.operation) == ("tasks", "uninstall A, disable B")
    assert (order.ui_ids, order.client_id) == (("u", "u"), "c")
    assert order_of(mixed, desk, only_plan=True).kind == "plan"
    assert order_of(request("uninstall", {"node_name": "A"}), desk).kind == "uninstall"


class _Heard:
    """A reporter that keeps what it hears."""

    def __init__(self) -> None:
        self.progressed: list[tuple[int, int, str]] = []

    def stage(self, name: str, text: str) -> None:
        """Not here."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Kept."""
        self.progressed.append((done, total, unit))

    def log(self, line: str) -> None:
        """Not here."""


def test_bytes_count_once_their_whole_file_has_arrived() -> None:
    """uv names the large files; the small ones have come with the last of all."""
    heard = _Heard()
    packages = [LockedPackage(name=name, version="1", size=size) for name, size in (("a-b", 70), ("c", 30))]
    download = Download(packages, heard)
    for line in (
        "Downloading a-b (70.0MiB)",
        " Downloaded A_b",
        " Downloaded stranger",
        "Prepared 2 packages in 1s",
    ):
        download.line(line)
    assert heard.progressed == [(0, 100, "bytes"), (70, 100, "bytes"), (100, 100, "bytes")]


def test_without_sizes_packages_are_counted() -> None:
    """One unknown size makes every sum of bytes a lie."""
    heard = _Heard()
    packages = [LockedPackage(name=name, version="1", size=size) for name, size in (("a", 0), ("c", 30))]
    download = Download(packages, heard)
    download.line(" Downloaded c")
    download.line("Prepared 2 packages in 1s")
    assert heard.progressed == [(0, 2, "packages"), (1, 2, "packages"), (2, 2, "packages")]
