"""Recovery of what a dead process has left, and refusal of what is not to be trusted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.errors import BusyError, RecoveryNeededError, SafeInstallError
from comfyui_safe_install.resolver.transaction import fs
from comfyui_safe_install.resolver.transaction.history import read_transactions
from comfyui_safe_install.resolver.transaction.journal import Journal
from comfyui_safe_install.resolver.transaction.lockfile import OwnerLock, lock_path
from comfyui_safe_install.resolver.transaction.recover import RecoveryReport, recover, unfinished
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.resolver.transaction.steps import MakeDir, Move, RemoveDir, Step
from comfyui_safe_install.resolver.transaction.walk import tangled
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop, everything


def applied(workshop: Workshop) -> Transaction:
    """A transaction whose process died after the last step."""
    transaction = workshop.ready()
    transaction.apply()
    return transaction


def rewrite(path: Path, change: Callable[[list[dict[str, object]]], object]) -> None:
    """The journal with other lines and right checksums: what only somebody hostile would do."""
    bodies = [dict(json.loads(line)["body"]) for line in path.read_bytes().splitlines()]
    change(bodies)
    path.unlink()
    journal = Journal(path)
    for body in bodies:
        journal.append(body)


def refused(workshop: Workshop) -> RecoveryNeededError:
    """The error of a recovery that must not touch anything."""
    before = everything(workshop.root)
    with pytest.raises(RecoveryNeededError) as caught:
        recover(workshop.state, workshop.roots)
    after = everything(workshop.root)
    for name in ("state/lock", "state"):  # Taking the lock leaves its file.
        before.pop(name, None)
        after.pop(name, None)
    assert after == before
    return caught.value


def test_there_is_nothing_to_do_at_first(tmp_path: Path) -> None:
    """Without a state folder, and without transactions, the report is empty and nothing is made."""
    assert recover(tmp_path / "state", [tmp_path]) == RecoveryReport()
    assert RecoveryReport().lines() == ()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_change_is_undone(workshop: Workshop) -> None:
    """Without a commit line everything goes back, and the report says so in words and as JSON."""
    before = workshop.tree()
    transaction = applied(workshop)
    report = recover(workshop.state, workshop.roots)
    assert workshop.tree() == before
    count = len(workshop.steps())
    assert len(report.lines()) == 1
    assert report.lines()[0] == (
        f"The interrupted transaction {transaction.id} (install alpha) was rolled back: "
        f"{count} steps undone, everything is as it was before."
    )
    assert json.loads(json.dumps(report.to_dict()))["recovered"][0] == {
        "id": transaction.id,
        "operation": "install alpha",
        "outcome": "rolled-back",
        "steps_undone": count,
        "leftovers": [],
    }
    assert [record.state for record in read_transactions(workshop.state)] == [TransactionState.ROLLED_BACK]


def test_running_it_twice_changes_nothing(workshop: Workshop) -> None:
    """The second recovery finds nothing and does not even rewrite a file."""
    applied(workshop)
    recover(workshop.state, workshop.roots)
    before = everything(workshop.root)
    assert recover(workshop.state, workshop.roots).recovered == ()
    assert everything(workshop.root) == before


@pytest.mark.parametrize("state", ["planned", "staged", "tried"])
def test_a_change_that_never_began_is_only_cleaned_up(workshop: Workshop, state: str) -> None:
    """Killed while staging: nothing live was touched, and the stage goes."""
    before = workshop.tree()
    transaction = workshop.begin()
    if state != "planned":
        transaction.set_steps((), remove_on_rollback=[workshop.stage])
        transaction.advance(TransactionState.STAGED)
    if state == "tried":
        transaction.advance(TransactionState.TRIED)
    report = recover(workshop.state, workshop.roots)
    assert [(each.outcome, each.steps_undone) for each in report.recovered] == [("rolled-back", 0)]
    assert workshop.tree() == before
    assert workshop.stage.exists() == (state == "planned")


@pytest.mark.parametrize("end", ["committed", "rolled-back"])
def test_a_missing_cleanup_is_made_up_for(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Killed right after its last state line, a transaction keeps its outcome; only the leftovers go."""

    def die(_path: Path) -> None:
        raise KeyboardInterrupt

    transaction = applied(workshop)
    with monkeypatch.context() as patched:
        patched.setattr(fs, "remove_tree", die)
        if end == "committed":
            with pytest.raises(KeyboardInterrupt):
                transaction.commit()
        else:
            with pytest.raises(RecoveryNeededError):
                transaction.roll_back("try it")
    tree = workshop.tree()
    report = recover(workshop.state, workshop.roots)
    assert workshop.tree() == tree
    assert not workshop.stage.exists()
    assert report.recovered[0].outcome == ("committed" if end == "committed" else "cleaned")
    assert "cleaned up" in report.lines()[0]


def test_it_waits_for_no_one(workshop: Workshop) -> None:
    """While another process holds the lock its transaction is at work, not interrupted."""
    applied(workshop)
    with OwnerLock(lock_path(workshop.state), "install alpha"):
        with pytest.raises(BusyError) as caught:
            recover(workshop.state, workshop.roots)
        assert caught.value.context["operation"] == "install alpha"


def test_it_accepts_the_lock_of_its_caller(workshop: Workshop) -> None:
    """The engine holds the lock already and hands it in; a lock not held is a mistake."""
    before = workshop.tree()
    applied(workshop)
    lock = OwnerLock(lock_path(workshop.state), "install beta")
    with pytest.raises(SafeInstallError) as caught:
        recover(workshop.state, workshop.roots, lock=lock)
    assert caught.value.code == "lock-not-held"
    with lock:
        recover(workshop.state, workshop.roots, lock=lock)
        assert lock.held
    assert workshop.tree() == before


@pytest.mark.parametrize("file", ["journal.jsonl", "steps.json"])
def test_a_damaged_file_is_refused(workshop: Workshop, file: str) -> None:
    """A file with a flipped bit in its middle stops recovery before anything is touched."""
    path = applied(workshop).directory / file
    data = path.read_bytes()
    path.write_bytes(
        data.replace(b"single", b"singel", 1) if file == "steps.json" else data[:50] + b"#" + data[51:]
    )
    assert refused(workshop).code == ("steps-refused" if file == "steps.json" else "journal-damaged")


@pytest.mark.parametrize("file", ["journal.jsonl", "steps.json"])
def test_a_lost_file_is_refused(workshop: Workshop, file: str) -> None:
    """Without its journal or its steps, a transaction cannot be undone by guessing."""
    (applied(workshop).directory / file).unlink()
    error = refused(workshop)
    assert error.code == ("steps-refused" if file == "steps.json" else "journal-damaged")
    assert error.hints


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        '{"format": 2, "steps": [], "remove_on_commit": [], "remove_on_rollback": []}',
        '{"format": 1, "steps": {}, "remove_on_commit": [], "remove_on_rollback": []}',
        '{"format": 1, "steps": [], "remove_on_commit": [1], "remove_on_rollback": []}',
        '{"format": 1, "steps": [], "remove_on_commit": [], "remove_on_rollback": [], "run": "x"}',
        '{"format": 1, "steps": [{"kind": "delete"}], "remove_on_commit": [], "remove_on_rollback": []}',
        '{"format": 1, "steps": [], "remove_on_commit": [], "remove_on_rollback": ["/"]}',
        '{"format": 1, "steps": [], "remove_on_commit": ["live"], "remove_on_rollback": []}',
    ],
)
def test_a_hostile_step_list_is_refused(workshop: Workshop, content: str) -> None:
    """Even before the first step, a list no runner would write is not acted on, not even its cleanup."""
    transaction = workshop.begin()
    (transaction.directory / "steps.json").write_text(content)
    assert refused(workshop).code == "steps-refused"


def test_paths_outside_the_given_roots_are_refused(workshop: Workshop) -> None:
    """What the journal calls its roots does not count; the caller's roots do."""
    applied(workshop)
    with pytest.raises(RecoveryNeededError) as caught:
        recover(workshop.state, [workshop.live])
    assert caught.value.code == "steps-refused"
    assert "aside" in caught.value.message


def test_a_step_list_changed_after_the_start_is_refused(workshop: Workshop) -> None:
    """The journal knows the digest of the steps it began with."""
    transaction = applied(workshop)
    path = transaction.directory / "steps.json"
    value = json.loads(path.read_text())
    value["steps"] = value["steps"][:-1]
    path.write_text(json.dumps(value))
    error = refused(workshop)
    assert error.code == "steps-refused"
    assert "not the file the transaction began with" in error.message


def test_more_steps_than_there_are_is_refused(workshop: Workshop) -> None:
    """A journal that speaks of steps the list does not have is damaged."""
    transaction = applied(workshop)
    last = len(workshop.steps()) - 1

    def one_more(bodies: list[dict[str, object]]) -> None:
        bodies[-1:] = [{"kind": "intent", "step": last + 1}]

    rewrite(transaction.directory / "journal.jsonl", one_more)
    assert refused(workshop).code == "journal-damaged"


def test_a_disk_that_fits_no_position_is_refused(workshop: Workshop) -> None:
    """A file put by someone else where an old one must return is not overwritten; the error names it."""
    before = workshop.tree()
    applied(workshop)
    (workshop.live / "shared").write_text("a stranger's")
    error = refused(workshop)
    assert error.code == "step-ambiguous"
    assert str(workshop.live / "shared") in error.message
    (workshop.live / "shared").unlink()
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_a_lost_payload_is_refused(workshop: Workshop) -> None:
    """If what must return is gone, nothing is moved at all."""
    applied(workshop)
    fs.remove_tree(workshop.aside / "payloads" / "alpha")
    error = refused(workshop)
    assert error.code == "step-ambiguous"
    assert "payloads/alpha" in error.message


def test_an_act_of_the_last_intent_that_is_ambiguous_is_refused(workshop: Workshop) -> None:
    """Killed around a rename whose two names then both exist: a human has to look."""
    transaction = workshop.ready()
    step = Move(workshop.live / "single.py", workshop.aside / "old.py")
    transaction.set_steps([step])
    transaction.apply()

    def unfinished_intent(bodies: list[dict[str, object]]) -> None:
        del bodies[-2:]

    rewrite(transaction.directory / "journal.jsonl", unfinished_intent)
    step.source.write_text("a stranger's")
    error = refused(workshop)
    assert (error.code, error.context["paths"]) == ("step-ambiguous", f"{step.source}, {step.target}")


@pytest.mark.parametrize("lost", [1, 2, 5, 12, 13])
def test_renames_lost_by_a_power_cut_are_seen_on_the_disk(workshop: Workshop, lost: int) -> None:
    """The journal says done, the disk does not: recovery goes by the disk, step by step."""
    before = workshop.tree()
    transaction = applied(workshop)

    def without_the_sync(bodies: list[dict[str, object]]) -> None:
        del bodies[-1]

    rewrite(transaction.directory / "journal.jsonl", without_the_sync)
    # Going back unrecorded is what losing the last renames looks like.
    for step in reversed(workshop.steps()[-lost:]):
        if isinstance(step, Move):
            step.target.rename(step.source)
        elif isinstance(step, MakeDir):
            step.path.rmdir()
        else:
            step.path.mkdir()
            step.path.chmod(step.mode)
    report = recover(workshop.state, workshop.roots)
    assert report.recovered[0].steps_undone == len(workshop.steps()) - lost
    assert workshop.tree() == before


def test_renames_lost_in_spite_of_a_sync_are_seen_on_the_disk(workshop: Workshop) -> None:
    """Windows cannot sync a folder: the disk may be behind even what the journal takes for sure."""
    before = workshop.tree()
    applied(workshop)
    for step in reversed(workshop.steps()[-3:]):
        assert isinstance(step, Move)
        step.target.rename(step.source)
    assert recover(workshop.state, workshop.roots).recovered[0].steps_undone == len(workshop.steps()) - 3
    assert workshop.tree() == before


def test_a_tangled_list_that_fits_twice_is_refused(workshop: Workshop) -> None:
    """Two files swapped by three moves look the same before and after; without the journal's word: refuse."""
    (workshop.live / "other.py").write_text("other")
    first, second, spare = workshop.live / "single.py", workshop.live / "other.py", workshop.aside / "spare"
    steps: list[Step] = [
        Move(first, spare),
        Move(second, first),
        Move(spare, second),
        MakeDir(workshop.live / "new", 0o755),
    ]
    assert tangled(steps)
    transaction = workshop.ready(steps)
    transaction.apply()
    (workshop.live / "new").rmdir()
    recovered_by_hand = workshop.tree()

    def at_the_end(bodies: list[dict[str, object]]) -> None:
        bodies[:] = [{**body, "synced": False} if body["kind"] == "intent" else body for body in bodies[:-1]]

    rewrite(transaction.directory / "journal.jsonl", at_the_end)
    assert refused(workshop).code == "step-ambiguous"
    assert workshop.tree() == recovered_by_hand


def test_a_swap_is_undone(workshop: Workshop) -> None:
    """A tangled list is synced before each step, so its position is always known."""
    (workshop.live / "other.py").write_text("other")
    before = workshop.tree()
    first, second, spare = workshop.live / "single.py", workshop.live / "other.py", workshop.aside / "spare"
    transaction = workshop.ready([Move(first, spare), Move(second, first), Move(spare, second)])
    transaction.apply()
    assert first.read_text() == "other"
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_a_folder_removed_and_made_again_gets_its_old_mode(workshop: Workshop) -> None:
    """Positions that differ in a mode only are told apart in favour of the later one."""
    folder = workshop.live / "untouched"
    before = workshop.tree()
    steps: list[Step] = [
        RemoveDir(folder, 0o755),
        MakeDir(folder, 0o700),
        MakeDir(workshop.live / "new", 0o755),
    ]
    assert not tangled(steps)
    transaction = workshop.ready(steps)
    transaction.apply()

    def without_the_sync(bodies: list[dict[str, object]]) -> None:
        del bodies[-1]

    rewrite(transaction.directory / "journal.jsonl", without_the_sync)
    (workshop.live / "new").rmdir()
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("a", "p/a"), ("s/a", "a")], False),
        ([("a", "b"), ("b", "a")], True),
        ([("a", "t"), ("b", "a"), ("t", "b")], True),
        ([("a", "p/a"), ("a2", "a"), ("a/x", "y")], False),
        ([("a", "b"), ("b/x", "c"), ("b", "a"), ("c", "a/y")], True),
    ],
)
def test_tangles_are_seen(steps: list[tuple[str, str]], expected: bool) -> None:
    """A list is tangled when some move has no name of its own."""
    root = Path("/root")
    assert tangled([Move(root / source, root / target) for source, target in steps]) is expected


def test_several_unfinished_transactions_are_settled_newest_first(workshop: Workshop) -> None:
    """Two open ones cannot come about by us, but a copied folder can; the newer is undone first."""
    before = workshop.tree()
    first = workshop.ready([Move(workshop.live / "single.py", workshop.aside / "old.py")])
    first.apply()
    hidden = workshop.state / "hidden"
    first.directory.rename(hidden)
    second = workshop.ready([Move(workshop.aside / "old.py", workshop.aside / "older.py")])
    second.apply()
    hidden.rename(first.directory)
    assert unfinished(workshop.state) == (second.id, first.id)
    report = recover(workshop.state, workshop.roots)
    assert [each.id for each in report.recovered] == [second.id, first.id]
    assert workshop.tree() == before
    assert "1 step undone" in report.lines()[0]


def test_an_older_transaction_that_is_ambiguous_stops_there(workshop: Workshop) -> None:
    """The newer one is settled by then; the older one is refused and stays."""
    first = workshop.ready([Move(workshop.live / "single.py", workshop.aside / "old.py")])
    first.apply()
    hidden = workshop.state / "hidden"
    first.directory.rename(hidden)
    second = workshop.ready([Move(workshop.aside / "old.py", workshop.aside / "older.py")])
    second.apply()
    hidden.rename(first.directory)
    (workshop.live / "single.py").write_text("a stranger's")
    with pytest.raises(RecoveryNeededError) as caught:
        recover(workshop.state, workshop.roots)
    assert caught.value.code == "step-ambiguous"
    assert unfinished(workshop.state) == (first.id,)


def test_a_torn_line_behind_the_end_changes_nothing(workshop: Workshop) -> None:
    """A settled transaction stays settled whatever half line follows."""
    transaction = workshop.install()
    with (transaction.directory / "journal.jsonl").open("ab") as file:
        file.write(b'{"bo')
    assert unfinished(workshop.state) == ()


def test_a_recovery_that_is_blocked_says_so_and_can_go_on(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system error half way is named with what to do; the next run finishes."""
    before = workshop.tree()
    applied(workshop)
    real = os.rename

    def refuse_single(source: Path, target: Path) -> None:
        if target == workshop.live / "single.py":
            raise PermissionError(13, "Permission denied")
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", refuse_single)
        with pytest.raises(RecoveryNeededError) as caught:
            recover(workshop.state, workshop.roots)
    assert caught.value.code == "undo-failed"
    assert [hint.code for hint in caught.value.hints] == ["close-programs", "recover"]
    assert recover(workshop.state, workshop.roots).recovered[0].steps_undone < len(workshop.steps())
    assert workshop.tree() == before


def test_a_disk_error_while_syncing_is_named(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be made durable is not called done."""
    before = workshop.tree()
    applied(workshop)

    def broken(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(fs, "fsync_dir", broken)
        with pytest.raises(RecoveryNeededError) as caught:
            recover(workshop.state, workshop.roots)
    assert "Input/output error" in caught.value.message
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_the_history_tells_every_transaction(workshop: Workshop) -> None:
    """Oldest first, with its outcome; a damaged one does not hide the others."""
    workshop.install()
    workshop.begin("remove alpha").roll_back("cancelled")
    broken = workshop.begin("broken")
    (broken.directory / "journal.jsonl").write_bytes(b"")
    records = read_transactions(workshop.state)
    assert [record.operation for record in records] == ["install alpha", "remove alpha", ""]
    assert [record.state for record in records] == [
        TransactionState.COMMITTED,
        TransactionState.ROLLED_BACK,
        None,
    ]
    assert records[0].summary == {"packs": ["alpha"]}
    assert records[0].started < records[0].ended < records[1].started
    assert "damaged" in records[2].problem
    shown = json.loads(json.dumps([record.to_dict() for record in records]))
    assert [each["state"] for each in shown] == ["committed", "rolled-back", ""]


RESOLVER = Path(__file__).parents[3] / "resolver"


def bare(workshop: Workshop, *more: str, state: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Recovery in an interpreter without site-packages, as a user would start it by hand."""
    command = [
        sys.executable,
        "-I",
        "-S",
        str(RESOLVER / "transaction"),
        "--state",
        str(state or workshop.state),
    ]
    for folder in workshop.roots:
        command += ["--root", str(folder)]
    return subprocess.run([*command, *more], capture_output=True, text=True, check=False, cwd=workshop.root)


def test_a_bare_interpreter_can_recover(workshop: Workshop) -> None:
    """With no package installed at all, the folder itself is a program that puts everything back."""
    before = workshop.tree()
    transaction = applied(workshop)
    result = bare(workshop)
    assert (result.returncode, result.stderr) == (0, "")
    assert transaction.id in result.stdout
    assert workshop.tree() == before
    again = bare(workshop, "--json")
    assert (again.returncode, json.loads(again.stdout)) == (0, {"ok": True, "recovered": [], "lines": []})
    assert bare(workshop).stdout == "Nothing to recover.\n"


def test_a_bare_interpreter_refuses_and_says_why(workshop: Workshop) -> None:
    """Exit code 5 with the reason and what to do, for humans and as JSON."""
    applied(workshop)
    (workshop.live / "shared").write_text("a stranger's")
    plain = bare(workshop)
    assert plain.returncode == 5
    assert str(workshop.live / "shared") in plain.stdout
    assert "\n  " in plain.stdout
    as_json = bare(workshop, "--json")
    assert as_json.returncode == 5
    assert json.loads(as_json.stdout)["error"]["code"] == "step-ambiguous"


def test_a_bare_interpreter_is_told_that_it_is_busy(workshop: Workshop) -> None:
    """Exit code 4 while another process is at work."""
    applied(workshop)
    with OwnerLock(lock_path(workshop.state), "install alpha"):
        result = bare(workshop)
    assert result.returncode == 4
    assert "install alpha" in result.stdout


def test_a_wrong_call_is_a_usage_error(workshop: Workshop) -> None:
    """A state folder that does not exist is a typing error, not an empty history."""
    result = bare(workshop, state=workshop.root / "nowhere")
    assert result.returncode == 2
    assert "nowhere" in result.stderr


def test_as_a_module_of_the_package_it_works_too(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m ...resolver.transaction` is the same program."""
    from comfyui_safe_install.resolver.transaction.__main__ import main

    before = workshop.tree()
    applied(workshop)
    arguments = ["--state", str(workshop.state), *(f"--root={root}" for root in workshop.roots)]
    assert main(arguments) == 0
    assert workshop.tree() == before
    assert "rolled back" in capsys.readouterr().out
    applied(Workshop(workshop.root / "second").fill())
    assert main(["--state", str(workshop.root / "second" / "state"), "--root", str(workshop.live)]) == 5
