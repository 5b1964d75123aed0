"""Laws of the difference between two sets of distributions, and between two snapshots."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from comfyui_safe_install.resolver.core.diff import Build, diff_distributions

VERSIONS = st.sampled_from(
    ["1.0", "1.0.0", "1.10", "1.9", "2.0rc1", "2.0", "2.0+cu128", "2.0.post1", "1!0.1", "odd version"]
)
BUILDS = st.builds(Build, version=VERSIONS, identity=st.sampled_from(["", "a", "b"]))
SETS = st.dictionaries(st.sampled_from(["numpy", "torch", "pillow", "scipy"]), BUILDS)
OPPOSITE = {
    "install": "remove",
    "remove": "install",
    "upgrade": "downgrade",
    "downgrade": "upgrade",
    "replace": "replace",
}


@given(SETS)
def test_nothing_differs_from_itself(one: dict[str, Build]) -> None:
    """`diff(s, s)` is empty."""
    assert diff_distributions(one, one) == ()


@given(SETS, SETS)
def test_the_way_back_is_the_opposite(one: dict[str, Build], two: dict[str, Build]) -> None:
    """Each change has its opposite in the diff the other way round."""
    forward, back = diff_distributions(one, two), diff_distributions(two, one)
    assert [(each.name, OPPOSITE[each.action], each.after, each.before) for each in forward] == [
        (each.name, each.action, each.before, each.after) for each in back
    ]


@given(SETS, SETS)
def test_applying_the_changes_leads_there(one: dict[str, Build], two: dict[str, Build]) -> None:
    """Doing what the changes say gives the other set, by versions as PEP 440 compares them."""
    result = {name: build.version for name, build in one.items()}
    for change in diff_distributions(one, two):
        assert result.pop(change.name, "") == change.before
        if change.after:
            result[change.name] = change.after
    assert result.keys() == two.keys()
    for name, build in two.items():
        try:
            assert Version(result[name]) == Version(build.version)
        except ValueError:
            assert result[name] == build.version


@given(SETS, SETS)
def test_the_direction_is_that_of_the_versions(one: dict[str, Build], two: dict[str, Build]) -> None:
    """An upgrade goes up and a downgrade down."""
    for change in diff_distributions(one, two):
        if change.action in ("upgrade", "downgrade"):
            assert (Version(change.after) > Version(change.before)) == (change.action == "upgrade")


def test_two_builds_of_one_version_are_a_replacement() -> None:
    """Known to differ, they are; where one is not known, nothing is claimed."""
    known, other, unknown = (Build(version="2.0", identity=each) for each in ("a", "b", ""))
    (change,) = diff_distributions({"torch": known}, {"torch": other}, wanted_by={"torch": ("pack",)})
    assert (change.action, change.before, change.after, change.wanted_by) == (
        "replace",
        "2.0",
        "2.0",
        ("pack",),
    )
    assert diff_distributions({"torch": known}, {"torch": unknown}) == ()
