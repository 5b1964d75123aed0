"""Plans, ways back and answers as people read them."""

from __future__ import annotations

from dataclasses import replace

from comfyui_safe_install.resolver.cli.console import Style
from comfyui_safe_install.resolver.cli.kept_text import (
    applied_lines,
    list_lines,
    rollback_lines,
    snapshot_diff_lines,
    verification_lines,
    why_lines,
)
from comfyui_safe_install.resolver.cli.plan_text import (
    bytes_in_words,
    comparison_lines,
    decision_lines,
    finding_lines,
    plan_lines,
    warning_lines,
)
from comfyui_safe_install.resolver.core.plan import PackChange, PackStatus, Plan
from comfyui_safe_install.resolver.core.snapshot import FileChange, Snapshot, SnapshotDiff
from comfyui_safe_install.resolver.core.types import (
    Change,
    Decision,
    Environment,
    Finding,
    LockedPackage,
    PythonInfo,
    Wish,
)
from comfyui_safe_install.resolver.engine.applying import Applied
from comfyui_safe_install.resolver.engine.comparing import Side
from comfyui_safe_install.resolver.engine.explaining import Verification, Why, WishNow
from comfyui_safe_install.resolver.engine.restoration import Restoration, RollbackPlan
from comfyui_safe_install.resolver.errors import Hint

DULL, BRIGHT = Style(enabled=False), Style(enabled=True)
PYTHON = PythonInfo(
    executable="/env/bin/python",
    version="3.11.7",
    implementation="cpython",
    prefix="/env",
    base_prefix="/usr",
    purelib="/env/lib",
    platlib="/env/lib",
    scripts="/env/bin",
    data="/env",
    headers="/env/include",
    platform="linux",
    markers={},
)
ENVIRONMENT = Environment(python=PYTHON, distributions=())
CLASH = Decision(
    package="alpha",
    rule="newest-wins",
    chosen="2.0",
    wanted=(Wish(pack="a", requirement="alpha>=2"), Wish(pack="b", requirement="alpha<2")),
    violates=(Wish(pack="b", requirement="alpha<2"),),
    reason="Between packs the newest version wanted wins.",
)
PLAN = Plan(
    environment=ENVIRONMENT,
    lock=(LockedPackage(name="alpha", version="2.0", size=1_234_567),),
    pylock="",
    changes=(
        Change(name="alpha", action="upgrade", before="1.0", after="2.0", wanted_by=("a", "b", "c", "d")),
        Change(name="long-name", action="remove", before="3"),
        Change(name="x", action="install", after="0.1"),
    ),
    pack_changes=(PackChange(name="a", action="replace", before="1", after="2"),),
    decisions=(CLASH,),
    packs=(PackStatus(name="a", status="ok"), PackStatus(name="b", status="partial", reason="No network.")),
    findings=tuple(
        Finding(code="bad-line", message=f"Line {n}.", pack="p", file="requirements.txt", line=n)
        for n in range(1, 6)
    ),
)


def test_a_plan_is_a_table_cards_and_groups() -> None:
    """Packs, packages aligned in columns, decisions with whose line is violated, findings by kind."""
    *lines, last = plan_lines(PLAN, DULL)
    assert (
        "\n".join(lines)
        == """\
Packs
  replaced  a  1 -> 2

Packages (1 up, 1 removed, 1 new)
  up        alpha      1.0 -> 2.0  for a, b, c and 1 more
  removed   long-name  3
  new       x          0.1

Decisions
! alpha: 2.0 [newest-wins]
    Between packs the newest version wanted wins.
    a wants alpha>=2
    violated: b wants alpha<2

Packs that could not be taken in full
  b: partial. No network.

Findings (5)
  bad-line (5)
    Line 1. (p, requirements.txt:1)
    Line 2. (p, requirements.txt:2)
    Line 3. (p, requirements.txt:3)
    ... and 2 more; see --verbose
"""
    )
    assert last == (
        "1 decision against somebody's line; download at most 1.2 MB; "
        f"ComfyUI must be restarted afterwards; plan {PLAN.fingerprint[:12]}"
    )


def test_verbose_shows_every_finding() -> None:
    """With --verbose nothing is left out."""
    lines = list(finding_lines(PLAN.findings, DULL, verbose=True))
    assert lines[-1] == "    Line 5. (p, requirements.txt:5)"
    assert len(lines) == 6


def test_an_empty_plan_says_so_unless_it_was_refused() -> None:
    """Nothing to do is said in words; a refused plan is not called fine."""
    empty = Plan(environment=ENVIRONMENT, lock=(), pylock="", changes=())
    assert next(plan_lines(empty, DULL)) == "Nothing to do: everything is as it should be."
    no = Finding(code="no-such-package", message="No.", hints=(Hint("check", "Check the name."),))
    refused = Plan(environment=ENVIRONMENT, lock=(), pylock="", changes=(), refusals=(no,))
    assert list(plan_lines(refused, DULL))[:3] == [
        "This plan cannot be applied",
        "  no-such-package: No.",
        "    hint: Check the name.",
    ]


def test_a_violation_is_warned_of_in_full() -> None:
    """Package, who wanted what, what was chosen, by which rule, whose line is violated."""
    assert list(warning_lines([CLASH], DULL)) == [
        "WARNING: alpha: 2.0 was chosen by newest-wins",
        "  a wants alpha>=2",
        "  violated: b wants alpha<2",
    ]


def test_a_clash_between_packs_says_how_to_choose_otherwise() -> None:
    """Each pack that could be followed instead, as one would type it; of many the first few."""
    lines = list(decision_lines([replace(CLASH, alternatives=("b", "two words", "c", "d"))], DULL))
    assert lines[-4:] == [
        "    or: --prefer alpha=b follows b",
        "    or: --prefer 'alpha=two words' follows two words",
        "    or: --prefer alpha=c follows c",
        "    ... and 1 more ways; see --verbose",
    ]


def test_violated_lines_are_all_shown_and_of_the_others_a_few() -> None:
    """However many packs agree, the ones who do not get what they want come first and are all named."""
    agreed = tuple(Wish(pack=f"p{number}", requirement="x") for number in range(9))
    hurt = tuple(Wish(pack=f"q{number}", requirement="x<1") for number in range(5))
    calm = Decision(package="calm", rule="r", chosen="1", wanted=agreed)
    clash = Decision(package="clash", rule="r", chosen="1", wanted=(*agreed, *hurt), violates=hurt)
    lines = list(decision_lines([calm, clash], DULL))
    assert lines[:6] == [
        "! clash: 1 [r]",
        "    p0 wants x",
        "    p1 wants x",
        "    p2 wants x",
        "    ... and 6 more wishes; see --verbose",
        "    violated: q0 wants x<1",
    ]
    assert sum("violated" in line for line in lines) == 5
    assert lines[10] == "  calm: 1 [r]"
    assert len(list(decision_lines([calm, clash], DULL, verbose=True))) == 2 + 9 + 5 + 9


def test_no_pack_can_forge_lines_or_colours() -> None:
    """Whatever a pack writes into its files, each line shown is one line and holds no code of theirs."""
    evil = "x\x1b[2J\nerror: forged\r\x9b1m"
    wish = Wish(pack=evil, requirement=evil)
    plan = Plan(
        environment=ENVIRONMENT,
        lock=(),
        pylock="",
        changes=(Change(name=evil, action=evil, before=evil, after=evil, wanted_by=(evil,)),),
        pack_changes=(PackChange(name=evil, action="add", before=evil, after=evil),),
        decisions=(
            Decision(package=evil, rule=evil, chosen=evil, wanted=(wish,), violates=(wish,), reason=evil),
        ),
        packs=(PackStatus(name=evil, status="partial", reason=evil),),
        findings=(Finding(code=evil, message=evil, pack=evil, file=evil, hints=(Hint("h", evil),)),),
        refusals=(Finding(code=evil, message=evil, hints=(Hint("h", evil),)),),
    )
    outcome = Verification(checked=1, faults=plan.findings, notes=plan.findings)
    answer = Why(
        package=evil,
        installed=evil,
        provided_by=evil,
        wishes=(WishNow(pack=evil, requirement=evil, file=evil, line=1, met=False),),
        rules=((evil, evil),),
        decisions=({"at": evil, "decision": {"chosen": evil, "rule": evil}},),
    )
    lines = [
        *plan_lines(plan, DULL, verbose=True),
        *warning_lines(plan.decisions, DULL),
        *verification_lines(outcome, DULL, verbose=True),
        *why_lines(answer, DULL),
        *list_lines([Snapshot(id=evil, created=evil, reason=evil, label=evil)], {}),
        *snapshot_diff_lines(SnapshotDiff(unowned=(FileChange(path=evil, action="added"),)), DULL),
    ]
    assert not [line for line in lines if not line.isprintable()]
    assert not [line for line in lines if line.startswith("error:")]


def test_colours_change_no_word() -> None:
    """With the codes taken out, coloured text is the plain text."""
    coloured = "\n".join(plan_lines(PLAN, BRIGHT))
    for code in ("0", "1", "2", "31", "32", "33", "36"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == "\n".join(plan_lines(PLAN, DULL))


def test_a_way_back_is_named_for_each_thing() -> None:
    """Exact, the same version, or not restorable: for each distribution, with the reason."""
    plan = RollbackPlan(
        snapshot=Snapshot(id="s1", created="2026-01-31T12:00:00.000Z", reason="before install a"),
        environment=ENVIRONMENT,
        items=(
            Restoration(kind="distribution", name="alpha", how="exact", before="2", after="1", reason="kept"),
            Restoration(kind="distribution", name="beta", how="same-version", after="1", reason="fetched"),
            Restoration(kind="distribution", name="gamma", how="not-restorable", after="1", reason="gone"),
            Restoration(kind="pack", name="a", how="remove", before="abc"),
        ),
        kept=7,
    )
    *lines, last = rollback_lines(plan, DULL)
    assert lines == [
        "Back to s1  2026-01-31T12:00:00.000Z  before install a  0 packages, 0 packs",
        "  exact           alpha  2 -> 1  (kept)",
        "  same version    beta  1  (fetched)",
        "  not restorable  gamma  1  (gone)",
        "  removed         pack a  abc",
    ]
    assert last.startswith("7 unchanged; plan ")


def test_what_was_done_says_how_to_undo_it() -> None:
    """The snapshot to go back to stands in the result."""
    done = Applied(
        transaction="t", snapshot="s1", operation="install a", seconds=2.04, swap_seconds=0.012, steps=3
    )
    assert list(applied_lines(done, DULL)) == [
        "Done in 2.0 s; live files were being moved for 12 ms.",
        "To undo: safe-install rollback s1",
        "Restart ComfyUI for the change to count.",
    ]


def test_two_strategies_stand_beside_each_other() -> None:
    """Each count in a row, each strategy in a column."""
    sides = [
        Side(
            strategy=name,
            plan=PLAN,
            core_changed=changed,
            clobbered=("alpha 1.0 -> 2.0",),
            pack_lines_violated=1,
            core_lines_violated=0,
            library_lines_broken=number,
        )
        for name, number, changed in (("merged", 0, ()), ("one-by-one", 12, ("alpha 1.0 -> 2.0",)))
    ]
    lines = list(comparison_lines(sides, DULL))
    assert lines[0] == "                             merged  one-by-one"
    assert "library lines broken              0          12" in lines
    assert lines[-3:] == ["Core packages changed, one-by-one", "  alpha 1.0 -> 2.0", ""]


def test_sizes_are_short() -> None:
    """Bytes as a person would say them."""
    sizes = [bytes_in_words(count) for count in (0, 999, 1_000, 2_540_000, 3_100_000_000, 5_000_000_000_000)]
    assert sizes == ["0 bytes", "999 bytes", "1.0 kB", "2.5 MB", "3.1 GB", "5000.0 GB"]
