"""What the stand-in is asked to do: its command line, as a value that can be written as a command line again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

ALL_ADDRESSES = "0.0.0.0"  # noqa: S104  only with --lan or --listen, as in ComfyUI
_DESCRIPTION = """Serves a ComfyUI-like folder (custom_nodes, user, requirements.txt) as ComfyUI would, with the real
front end: prestartup scripts, packs, routes, web files, websocket. It runs no prompts and needs no torch. Prints one
line on stdout when it listens; the host's log goes to stderr. Ends on SIGTERM and Ctrl-C."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One start. All paths are absolute."""

    base: Path
    port: int = 8188
    listen: str = "127.0.0.1"
    """Addresses, separated by commas."""
    python: Path | None = None
    front_end_root: Path | None = None
    extra_model_paths_config: tuple[Path, ...] = ()
    user_directory: Path | None = None
    object_info: Path | None = None
    without_safe_install: bool = False
    without_system_user_directory: bool = False
    fail_pack: tuple[str, ...] = ()
    crash_pack: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    enable_cors_header: str = ""
    max_upload_size: float = 100
    tls_keyfile: Path | None = None
    tls_certfile: Path | None = None
    multi_user: bool = False
    enable_manager: bool = False
    enable_manager_legacy_ui: bool = False
    disable_manager_ui: bool = False
    disable_api_nodes: bool = False
    disable_all_custom_nodes: bool = False
    whitelist_custom_nodes: tuple[str, ...] = ()
    quick_test_for_ci: bool = False
    windows_standalone_build: bool = False
    verbose: str = "INFO"

    def as_arguments(self) -> list[str]:
        """The command line of these options; what has its default is left out."""
        return list(self._words())

    def _words(self) -> Iterator[str]:
        for field in fields(self):
            value = getattr(self, field.name)
            option = f"--{field.name.replace('_', '-')}"
            if value == field.default:
                continue
            if value is True:
                yield option
            elif field.name == "whitelist_custom_nodes":
                yield from (option, *value)
            elif isinstance(value, tuple):
                for each in value:
                    yield from (option, str(each))
            else:
                yield from (option, str(value))


def parse(arguments: Sequence[str]) -> Options:
    """The options of a command line. Raises SystemExit, as argparse does, after it said what is wrong."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    lan = given.pop("lan")
    for name, value in given.items():
        if isinstance(value, list):
            given[name] = tuple(value)
    if lan:
        given["listen"] = ALL_ADDRESSES
    options = Options(**given)
    if problem := _problem(options):
        parser.error(problem)
    return options


def _problem(options: Options) -> str:
    """What is wrong with options that could be read; empty when nothing is."""
    if options.base.exists() and not options.base.is_dir():
        return f"--base: {options.base} is not a folder."
    if options.base.is_dir() and any(options.base.iterdir()) and not (options.base / "custom_nodes").is_dir():
        return f"--base: {options.base} has files in it but no custom_nodes: it is no ComfyUI folder."
    if (options.base / "nodes.py").is_file():
        return f"--base: {options.base} is a ComfyUI with its own code; start its main.py instead."
    if options.python is not None and not options.python.is_file():
        return f"--python: there is no interpreter at {options.python}."
    if options.front_end_root is not None and not (options.front_end_root / "index.html").is_file():
        return f"--front-end-root: {options.front_end_root} has no index.html."
    for name in ("object_info", "tls_keyfile", "tls_certfile"):
        path = getattr(options, name)
        if path is not None and not path.is_file():
            return f"--{name.replace('_', '-')}: there is no file {path}."
    if (options.tls_keyfile is None) != (options.tls_certfile is None):
        return "--tls-keyfile and --tls-certfile belong together."
    for path in options.extra_model_paths_config:
        if not path.is_file():
            return f"--extra-model-paths-config: there is no file {path}."
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devhost", description=_DESCRIPTION, allow_abbrev=False)
    place = parser.add_argument_group("what is served")
    place.add_argument(
        "--base", type=_path, required=True, metavar="DIR", help="the folder; made when it is not there"
    )
    place.add_argument(
        "--python", type=_path, metavar="EXE", help="run in this interpreter, the environment to manage"
    )
    place.add_argument(
        "--without-safe-install", action="store_true", help="do not load this checkout as a pack"
    )
    place.add_argument(
        "--front-end-root", type=_path, metavar="DIR", help="another front end than the installed package's"
    )
    place.add_argument(
        "--object-info",
        type=_path,
        metavar="FILE",
        help="a saved /object_info, shown beside the packs' nodes",
    )
    place.add_argument("--user-directory", type=_path, metavar="DIR")
    place.add_argument("--extra-model-paths-config", type=_path, action="append", default=[], metavar="FILE")
    _add_server_options(parser.add_argument_group("where and how"))
    _add_pack_options(parser.add_argument_group("packs"))
    return parser


def _add_server_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--port", type=_port, default=8188, metavar="N", help="0 takes a free one; default 8188"
    )
    group.add_argument(
        "--listen", nargs="?", const=f"{ALL_ADDRESSES},::", default="127.0.0.1", metavar="ADDRESSES"
    )
    group.add_argument("--lan", action="store_true", help="listen on every IPv4 address")
    group.add_argument("--enable-cors-header", nargs="?", const="*", default="", metavar="ORIGIN")
    group.add_argument("--max-upload-size", type=float, default=100, metavar="MB")
    group.add_argument("--tls-keyfile", type=_path, metavar="FILE")
    group.add_argument("--tls-certfile", type=_path, metavar="FILE")
    group.add_argument("--multi-user", action="store_true")
    group.add_argument(
        "--disable-api-nodes", action="store_true", help="with ComfyUI's content security policy"
    )
    group.add_argument("--drop", action="append", default=[], metavar="PATH", help="answer 404 to this path")
    group.add_argument(
        "--quick-test-for-ci", action="store_true", help="end with 0 once all packs are loaded"
    )
    group.add_argument("--windows-standalone-build", action="store_true", help="without effect, for restarts")
    group.add_argument(
        "--verbose", nargs="?", const="DEBUG", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"]
    )


def _add_pack_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--disable-all-custom-nodes", action="store_true")
    group.add_argument("--whitelist-custom-nodes", nargs="+", default=[], metavar="NAME")
    group.add_argument(
        "--fail-pack", action="append", default=[], metavar="NAME", help="write a pack whose import fails"
    )
    group.add_argument(
        "--crash-pack",
        action="append",
        default=[],
        metavar="NAME",
        help="write a pack that calls sys.exit(3)",
    )
    group.add_argument(
        "--without-system-user-directory", action="store_true", help="as ComfyUI before it named one (0.3.64)"
    )
    group.add_argument("--enable-manager", action="store_true", help="start an installed comfyui_manager too")
    group.add_argument("--enable-manager-legacy-ui", action="store_true")
    group.add_argument("--disable-manager-ui", action="store_true")


def _path(text: str) -> Path:
    """Absolute, with links kept: an environment's python is a link to another interpreter."""
    return Path(text).expanduser().absolute()


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 65536:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is no port; give 0 to 65535.")
    return number


def fail(message: str) -> SystemExit:
    """Say what is wrong, as argparse does; the caller raises what is returned."""
    print(f"python -m devhost: error: {message}", file=sys.stderr)
    return SystemExit(2)
