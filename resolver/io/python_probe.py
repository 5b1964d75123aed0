"""Asking an interpreter about itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from packaging.version import Version

from ..core.types import PythonInfo
from ..errors import Hint, SafeInstallError
from . import process
from .default_python import ChosenPython, default_python

__all__ = ["OLDEST", "ChosenPython", "default_python", "probe_python"]

OLDEST = (3, 10)
"""The oldest Python of a target environment."""

_TIMEOUT_SECONDS = 60.0
"""A first start from a cold network disk takes many seconds."""

_MARK = "<safe-install-probe>"

# Runs in the target interpreter, which may be any Python 3: keep to what 3.4 understands, so that an
# old one can still say that it is too old. The marks guard against packages that print at start (.pth).
_PROBE = r"""
import json, os, platform, sys, sysconfig
def full_version():
    info = sys.implementation.version
    text = "%d.%d.%d" % info[:3]
    return text if info.releaselevel == "final" else text + info.releaselevel[0] + str(info.serial)
paths = sysconfig.get_paths()
nested = sys.prefix != sys.base_prefix
headers = paths["include"]
if nested:
    headers = os.path.join(sys.prefix, "include", "site", "python%d.%d" % sys.version_info[:2])
purelib, platlib = paths["purelib"], paths["platlib"]
try:
    if os.path.samefile(purelib, platlib):
        platlib = purelib
except OSError:
    pass
answer = {
    "version": platform.python_version(),
    "version_info": list(sys.version_info[:2]),
    "implementation": sys.implementation.name,
    "prefix": sys.prefix,
    "base_prefix": sys.base_prefix,
    "purelib": purelib,
    "platlib": platlib,
    "scripts": paths["scripts"],
    "data": paths["data"],
    "headers": headers,
    "platform": sysconfig.get_platform(),
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": full_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": "%d.%d" % sys.version_info[:2],
        "sys_platform": sys.platform,
    },
    "stdlib_modules": sorted(getattr(sys, "stdlib_module_names", ())),
    "is_conda": os.path.isdir(os.path.join(sys.prefix, "conda-meta")),
    "externally_managed": not nested
        and os.path.isfile(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")),
}
mark = sys.argv[1]
sys.stdout.write(mark + json.dumps(answer) + mark + "\n")
"""


def probe_python(executable: Path) -> PythonInfo:
    """What the interpreter says about itself: paths, markers, standard library. Blocks; starts it once.

    Works for venvs, conda environments, the embedded Python of the Windows package and system Pythons.
    Runs it with `-I`, so that neither PYTHONPATH nor the working directory colours the answer, and with
    `-B`: what its `.pth` files import must not leave bytecode in the environment.
    Marker values are those of PEP 508. A `platlib` that is `purelib` by another path (`lib64`) is
    given as `purelib`.

    Raises SafeInstallError `python-not-found`, `python-too-old` or `python-broken`.
    """
    # Not resolved: a venv's python is a symlink, and the target of the link is another environment.
    path = Path(os.path.abspath(executable))
    if not path.is_file():
        raise SafeInstallError(
            "python-not-found",
            f"There is no Python at {path}.",
            context={"python": path},
            hints=(Hint("name-python", "Name the interpreter that starts ComfyUI with --python."),),
        )
    answer = _ask(path)
    version = _text(answer, "version")
    if _is_too_old(version):
        raise SafeInstallError(
            "python-too-old",
            f"{path} is Python {version}; Safe Install needs {OLDEST[0]}.{OLDEST[1]} or newer.",
            context={"python": path, "version": version},
        )
    markers = answer.get("markers")
    modules = answer.get("stdlib_modules")
    if not isinstance(markers, dict) or not isinstance(modules, list):
        raise _broken(path, "its answer is incomplete")
    return PythonInfo(
        executable=str(path),
        version=version,
        implementation=_text(answer, "implementation"),
        prefix=_folder(answer, "prefix"),
        base_prefix=_folder(answer, "base_prefix"),
        purelib=_folder(answer, "purelib"),
        platlib=_folder(answer, "platlib"),
        scripts=_folder(answer, "scripts"),
        data=_folder(answer, "data"),
        headers=_folder(answer, "headers"),
        platform=_text(answer, "platform"),
        markers={str(key): str(value) for key, value in markers.items()},
        stdlib_modules=frozenset(str(name) for name in modules),
        is_conda=answer.get("is_conda") is True,
        externally_managed=answer.get("externally_managed") is True,
    )


def _ask(path: Path) -> dict[str, object]:
    try:
        completed = process.run([str(path), "-I", "-B", "-c", _PROBE, _MARK], timeout=_TIMEOUT_SECONDS)
    except SafeInstallError as error:
        if error.code in ("program-not-found", "process-timeout"):
            raise _broken(path, error.message) from error
        raise
    _, found, rest = completed.stdout.partition(_MARK)
    text, closed, _ = rest.partition(_MARK)
    if not found or not closed:
        # -I came with 3.4, f-strings and the like are not used: a Python 2 ends here.
        said = (completed.stderr or completed.stdout).strip()[-600:]
        raise _broken(path, said or f"it ended with code {completed.returncode} and said nothing")
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise _broken(path, "its answer is no JSON") from error
    if not isinstance(answer, dict):
        raise _broken(path, "its answer is incomplete")
    return answer


def _is_too_old(version: str) -> bool:
    try:
        return Version(version.rstrip("+")).release[:2] < OLDEST
    except ValueError:
        return False


def _text(answer: Mapping[str, object], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str):
        raise SafeInstallError("python-broken", f"The interpreter did not say its {key}.")
    return value


def _folder(answer: Mapping[str, object], key: str) -> str:
    return os.path.normpath(_text(answer, key))


def _broken(path: Path, reason: str) -> SafeInstallError:
    return SafeInstallError(
        "python-broken",
        f"The Python at {path} does not start properly: {reason}",
        context={"python": path},
        hints=(Hint("repair-python", "Repair or recreate that environment, or name another with --python."),),
    )
