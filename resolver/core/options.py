"""The options a line of a requirements file may carry, as pip's own parser reads them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

INDEX_OPTIONS = {
    "--index-url": True,
    "--extra-index-url": True,
    "--no-index": False,
    "--find-links": True,
    "--no-binary": True,
    "--only-binary": True,
    "--prefer-binary": False,
    "--require-hashes": False,
    "--pre": False,
    "--all-releases": True,
    "--only-final": True,
    "--trusted-host": True,
    "--use-feature": True,
}
"""Options that change where packages come from or which are allowed: {long form: takes a value}."""

INCLUDE_OPTIONS = {"--requirement": True, "--constraint": True}
BUILD_OPTIONS = {"--config-settings": True, "--global-option": True}
FILE_OPTIONS = {**INDEX_OPTIONS, **INCLUDE_OPTIONS, **BUILD_OPTIONS, "--editable": True, "--hash": True}
"""All that pip allows in a requirements file."""

COMMAND_OPTIONS = {
    "--abi": True,
    "--break-system-packages": False,
    "--cache-dir": True,
    "--compile": False,
    "--disable-pip-version-check": False,
    "--force-reinstall": False,
    "--ignore-installed": False,
    "--ignore-requires-python": False,
    "--index-strategy": True,
    "--no-build-isolation": False,
    "--no-cache": False,
    "--no-cache-dir": False,
    "--no-compile": False,
    "--no-dependencies": False,
    "--no-deps": False,
    "--no-input": False,
    "--no-use-pep517": False,
    "--no-warn-script-location": False,
    "--platform": True,
    "--prefix": True,
    "--prerelease": True,
    "--progress-bar": True,
    "--proxy": True,
    "--python-version": True,
    "--quiet": False,
    "--retries": True,
    "--root": True,
    "--src": True,
    "--system": False,
    "--target": True,
    "--timeout": True,
    "--torch-backend": True,
    "--upgrade": False,
    "--upgrade-strategy": True,
    "--use-pep517": False,
    "--user": False,
    "--verbose": False,
    "--yes": False,
}
"""Options of the commands `pip install` and `uv pip install`, which have no place in a file."""

_SHORT = {
    "-i": "--index-url",
    "-f": "--find-links",
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-C": "--config-settings",
    "-I": "--ignore-installed",
    "-U": "--upgrade",
    "-q": "--quiet",
    "-t": "--target",
    "-v": "--verbose",
    "-y": "--yes",
}
_ALIASES = {"--pypi-url": "--index-url", "--config-setting": "--config-settings"}
_OPTION_START = re.compile(r"(?:^|\s)-\S*")
_KNOWN = {**FILE_OPTIONS, **COMMAND_OPTIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOption:
    """One option of a line: the long form and its value, which is empty for a switch."""

    option: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOptions:
    """The options of a line and the words between them that belong to none."""

    options: tuple[LineOption, ...]
    stray: tuple[str, ...] = ()


class OptionError(ValueError):
    """The options cannot be read; the message says why. `code`: `unknown-option` or `invalid-option`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def split_options(text: str) -> tuple[str, str]:
    """The requirement and the options of a logical line, each stripped; either may be empty.

    The options begin at the first word with a leading "-" (pip's `break_args_options`), so that quotes in
    markers are left alone.
    """
    start = _OPTION_START.search(text)
    return (text[: start.start()].strip(), text[start.start() :].strip()) if start else (text, "")


def parse_options(text: str) -> LineOptions:
    """The options of the text, split as a shell would; raises OptionError for one that is not known."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise OptionError("invalid-option", f"the quotes do not match ({error})") from error
    options: list[LineOption] = []
    stray: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            stray.append(word)
            continue
        option, value = _name_and_value(word)
        takes_value = _KNOWN[option]
        if takes_value and value is None:
            value = next(rest, None)
        if takes_value and (not value or value.startswith("-")):
            raise OptionError("invalid-option", f"{option} needs a value")
        if value is not None and not takes_value:
            raise OptionError("invalid-option", f"{option} takes no value")
        options.append(LineOption(option=option, value=value or ""))
    return LineOptions(options=tuple(options), stray=tuple(stray))


def _name_and_value(word: str) -> tuple[str, str | None]:
    """The long form of the option and the value written in the same word, if any."""
    if word.startswith("--"):
        written, equals, value = word.partition("=")
        option = _ALIASES.get(written, written)
        if option not in _KNOWN:
            # optparse, which pip uses, takes any abbreviation that means one option only.
            meant = [known for known in FILE_OPTIONS if known.startswith(option) and option != "--"]
            if len(meant) != 1:
                raise OptionError("unknown-option", f"{written} is no option of a requirements file")
            option = meant[0]
        return option, value if equals else None
    option = _SHORT.get(word[:2], "")
    if not option or (len(word) > len("-x") and not _KNOWN[option]):
        raise OptionError("unknown-option", f"{word} is no option of a requirements file")
    return option, word[2:] or None
