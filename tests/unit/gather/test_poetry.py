"""Poetry's constraints become PEP 440 specifiers, exactly or not at all."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from comfyui_safe_install.resolver.core.poetry import poetry_requirement, poetry_specifier


@pytest.mark.parametrize(
    ("constraint", "specifier"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^1.2", ">=1.2,<2"),
        ("^1", ">=1,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0.0", ">=0.0,<0.1"),
        ("^0", ">=0,<1"),
        ("^1!2.3", ">=1!2.3,<1!3"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1.2", ">=1.2,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.4", "~=1.4"),
        ("*", ""),
        ("1.2.*", "==1.2.*"),
        ("1.2.3", "==1.2.3"),
        ("=1.2.3", "==1.2.3"),
        ("==1.2.3", "==1.2.3"),
        (">= 1.2, < 1.5", ">=1.2,<1.5"),
        (">=1.2 <1.5", ">=1.2,<1.5"),
        ("!=1.3", "!=1.3"),
        ("", ""),
    ],
)
def test_a_constraint_means_the_same(constraint: str, specifier: str) -> None:
    """The examples are those of Poetry's page on dependency specification."""
    assert SpecifierSet(poetry_specifier(constraint)) == SpecifierSet(specifier)


@pytest.mark.parametrize("constraint", ["^1 || ^2", "^", "~x", "latest", ">=1;<2", "^1.2."])
def test_what_has_no_exact_form_is_refused(constraint: str) -> None:
    """Better a finding than nearly the same versions."""
    with pytest.raises(ValueError, match=r"."):
        poetry_specifier(constraint)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("^2.0", "a>=2.0,<3"),
        ({"version": "~1.4", "extras": ["x", "y"]}, "a[x,y]>=1.4,<1.5"),
        ({"version": "*", "markers": "os_name == 'nt'"}, "a ; os_name == 'nt'"),
        ({"version": "1", "optional": True}, "a==1"),
        ({"url": "https://example.org/a.whl"}, "a @ https://example.org/a.whl"),
        ({"git": "https://example.org/a.git"}, "a @ git+https://example.org/a.git"),
        ({"git": "https://example.org/a.git", "tag": "v1"}, "a @ git+https://example.org/a.git@v1"),
        (
            {"git": "https://example.org/a.git", "rev": "ab", "subdirectory": "s", "extras": ["x"]},
            "a[x] @ git+https://example.org/a.git@ab#subdirectory=s",
        ),
    ],
)
def test_a_table_becomes_a_requirement(wanted: object, text: str) -> None:
    """Version, extras, markers, git and url have exact forms."""
    assert poetry_requirement("a", wanted) == text


@pytest.mark.parametrize(
    "wanted",
    [
        {"path": "../a"},
        {"version": "1", "source": "torch-gpu"},
        {"version": "1", "python": "^3.9"},
        {"version": "1", "allow-prereleases": True},
        {"git": "git@example.org:a.git"},
        {"version": "1", "extras": "x"},
        [{"version": "1"}, {"version": "2"}],
        7,
    ],
)
def test_a_table_without_exact_form_is_refused(wanted: object) -> None:
    """Paths, sources and alternatives are not guessed at."""
    with pytest.raises(ValueError, match=r"."):
        poetry_requirement("a", wanted)
