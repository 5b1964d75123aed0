"""Environment markers that can be parsed but not decided."""

from __future__ import annotations

from packaging.markers import Marker

from ..errors import Hint, redact
from .place import Place, shown
from .types import Finding

_SAMPLE_ENVIRONMENT = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.0",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1.0",
    "platform_system": "Linux",
    "platform_version": "#1 SMP",
    "python_full_version": "3.12.0",
    "python_version": "3.12",
    "sys_platform": "linux",
    "extra": "",
}


def is_marker(text: str) -> bool:
    """Whether packaging takes the text as a marker."""
    try:
        Marker(text)
    except (ValueError, RecursionError):
        return False
    return True


def refuse_marker(marker: Marker | None, text: str, place: Place) -> Finding | None:
    """Why the marker can be parsed but not decided, such as `os_name ~= "posix"`; or None."""
    if marker is None:
        return None
    try:
        # Whether it can be decided hangs on its operators, not on the values of this machine.
        marker.evaluate(_SAMPLE_ENVIRONMENT)
    except (ValueError, KeyError, RecursionError) as error:
        return place.finding(
            "invalid-marker",
            f"The marker of {shown(text)} cannot be decided: {redact(str(error))}",
            Hint(
                "fix-marker",
                "Compare with ==, !=, < or > and quoted values, such as python_version < '3.12'.",
            ),
        )
    return None
