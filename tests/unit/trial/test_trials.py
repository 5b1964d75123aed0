"""A failure is a reason to refuse only where something gets worse."""

from __future__ import annotations

import pytest

from comfyui_safe_install.resolver.core.trials import (
    Before,
    TrialFailure,
    TrialFault,
    TrialReport,
    sort_failures,
)


def fail(
    module: str,
    before: Before,
    fault: TrialFault = TrialFault.EXCEPTION,
    dist: str = "d",
    error: str = "ImportError",
) -> TrialFailure:
    """A failure of that module."""
    return TrialFailure(module=module, distribution=dist, fault=fault, before=before, error=error)


@pytest.mark.parametrize(
    ("failure", "place"),
    [
        (fail("a", Before.WORKED), "new"),
        (fail("a", Before.WORKED, TrialFault.MISSING), "new"),
        (fail("a", Before.FAILED), "known"),
        (fail("a", Before.ABSENT, TrialFault.MISSING), "known"),
        (fail("a", Before.ABSENT), "doubtful"),
        (fail("wanted.part", Before.ABSENT), "new"),
        (fail("flux_tools", Before.ABSENT, dist="flux-tools"), "new"),
        (fail("google.protobuf", Before.ABSENT, dist="google-protobuf"), "new"),
        (fail("cv2", Before.ABSENT, dist="opencv-python"), "new"),
        (fail("cv2", Before.ABSENT, dist="opencv-python", error="SystemExit"), "doubtful"),
        (fail("cv2", Before.ABSENT, dist="opencv-python", error="ModuleNotFoundError"), "doubtful"),
        (fail("wanted", Before.ABSENT, error="SystemExit"), "new"),
        (fail("a", Before.WORKED, error="SystemExit"), "new"),
    ],
)
def test_where_a_failure_belongs(failure: TrialFailure, place: str) -> None:
    """Compared with before; without a before, by whether anybody needs the module."""
    offered = [
        ("d", "a"),
        ("d", "b"),
        ("opencv-python", "cv2"),
        ("flux-tools", "flux_tools"),
        ("flux-tools", "x"),
    ]
    groups = dict(
        zip(
            ("new", "known", "doubtful"),
            sort_failures([failure], needed={"wanted"}, offered=offered),
            strict=True,
        )
    )
    assert [name for name, group in groups.items() if group] == [place]


def test_a_report_as_findings() -> None:
    """Every failure and what was left over becomes a finding; secrets do not come along."""
    report = TrialReport(
        new_failures=(
            TrialFailure(
                module="m",
                fault=TrialFault.EXCEPTION,
                before=Before.WORKED,
                error="OSError",
                detail="https://user:s3cret@example.org failed\nTraceback",
            ),
        ),
        known_failures=(
            fail("k", Before.FAILED, TrialFault.TIMEOUT),
            fail("c", Before.FAILED, TrialFault.CRASH),
        ),
        doubtful_failures=(fail("x", Before.ABSENT, TrialFault.MISSING),),
        unchecked=("late",),
    )
    findings = report.to_findings()
    assert [finding.code for finding in findings] == [
        "trial-new-failure", "trial-doubtful-failure", "trial-known-failure", "trial-known-failure",
        "trial-unfinished",
    ]  # fmt: skip
    assert findings[0].message == "Importing m fails with OSError: https://***@example.org failed."
    assert "s3cret" not in str(report.new_failures[0].to_dict())
