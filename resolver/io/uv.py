"""uv, asked to resolve and to fill a stage. It never touches the live environment."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

from ..core.solve import Solution, SolveFailureError, SolveInput, SolveRequest
from ..core.types import PythonInfo
from ..errors import Hint, SafeInstallError, redact
from .child_environment import without_secrets
from .credentials import from_requirements, has_names, hide, revealed, stage_variables
from .process import Completed, clean_environment, run
from .solve_memory import FRESH_SECONDS, Memory
from .uv_answers import classify, parse_solution, refuse_unlockable_cache, staging_error
from .uv_inputs import access_of, is_version, lines_of, write_inputs

# What the public index itself answers: pages live ten minutes, a file never changes under its name.
_CACHE_CONTROL = f'api = "max-age={FRESH_SECONDS}", files = "max-age=365000000, immutable"'


def find_uv() -> Path:
    """The uv executable of the `uv` package. Raises SafeInstallError `uv-missing`."""
    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise SafeInstallError(
            "uv-missing",
            "The program uv was not found, which does the resolving.",
            context={"reason": error},
            hints=(
                Hint(
                    "install-uv",
                    "Install it into the environment Safe Install runs in: `python -m pip install uv`.",
                ),
            ),
        ) from error


class Uv:
    """uv for one target interpreter. Every method blocks; call from a thread. Safe to share between threads."""

    def __init__(
        self, python: PythonInfo, *, cache: Path, stubs: Path | None = None, refresh: bool = False
    ) -> None:
        """`cache`: folder for remembered answers; `stubs`: folder of metadata-only wheels (see `stubs.py`)."""
        self._uv = find_uv()
        self._python = python
        self._cache = cache
        self._stubs = stubs
        self._refresh = refresh
        self._memory = Memory(cache / "solves")
        if refresh:
            self._memory.forget()
        self._lock = threading.Lock()
        self._settings: tuple[str, ...] | None = None
        self._fingerprint = ""

    def solve(self, request: SolveRequest, cancel: threading.Event | None = None) -> Solution:
        """The solution of one request, perhaps remembered from the last minutes. Raises SolveFailureError."""
        key = self._key(request)
        remembered = self._memory.recall(key) if key else None
        if remembered is None:
            remembered = self._solve(request, cancel)
            if key:
                self._memory.remember(key, remembered)
        if isinstance(remembered, SolveFailureError):
            raise remembered
        return remembered

    def solve_each(
        self, requests: Sequence[SolveRequest], cancel: threading.Event | None = None
    ) -> list[Solution | SolveFailureError]:
        """The answers to several requests, asked in parallel, in their order."""

        def answer(request: SolveRequest) -> Solution | SolveFailureError:
            try:
                return self.solve(request, cancel)
            except SolveFailureError as failure:
                return failure

        with ThreadPoolExecutor(max_workers=max(2, min(8, os.cpu_count() or 2))) as pool:
            return list(pool.map(answer, requests))

    def lock(
        self,
        texts: Sequence[str],
        *,
        allow_builds: bool,
        indexed: Sequence[SolveInput] = (),
        offline: bool = False,
        cancel: threading.Event | None = None,
    ) -> str:
        """The text of a `pylock.toml` (PEP 751) with URLs and hashes for exactly these texts.

        Each text is `name==version` or a direct reference; `indexed` are those that come from another index.
        Raises SolveFailureError.
        """
        with tempfile.TemporaryDirectory(prefix="safe-install-") as folder:
            entries = [SolveInput(label="", texts=tuple(texts)), *indexed]
            files = write_inputs(Path(folder), entries)
            arguments = [
                *files,
                "--no-deps",
                "--no-header",
                "--format",
                "pylock.toml",
                "--output-file",
                "pylock.toml",
            ]
            arguments += [*self._build_flags(allow_builds), *(["--offline"] if offline else [])]
            self._compile(arguments, folder, cancel, with_stubs=False, more=access_of(entries))
            return hide((Path(folder) / "pylock.toml").read_text(encoding="utf-8"))

    def stage(
        self,
        pylock: Path,
        prefix: Path,
        *,
        allow_builds: bool,
        offline: bool = False,
        past_cache: bool = False,
        cancel: threading.Event | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Fill `prefix` with exactly the packages of the lock file. All downloading and building happens here.

        Raises SafeInstallError `stage-failed` (or a more telling code) with uv's last lines. Nothing live is written.
        """
        command = ["pip", "install", "--no-deps", "--no-progress"]
        command += ["--prefix", str(prefix), "--python", self._python.executable]
        # A clone where the file system has them, else uv falls back to hardlinks: a copy of some GB takes ten times as
        # long. What an in-place edit elsewhere did to the shared bytes is found when the stage is checked.
        command += ["--link-mode", os.environ.get("UV_LINK_MODE", "clone"), *self._build_flags(allow_builds)]
        command += [*(["--offline"] if offline else []), *(["--no-cache"] if past_cache else [])]
        access = stage_variables(pylock.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory(prefix="safe-install-") as folder, revealed(pylock) as readable:
            done = self._run([*command, "-r", str(readable)], folder, cancel, access, on_line)
        if done.returncode:
            raise staging_error(done.stderr)

    # --- one compile --------------------------------------------------------------------------------------

    def _solve(self, request: SolveRequest, cancel: threading.Event | None) -> Solution | SolveFailureError:
        if not any(entry.texts for entry in request.inputs):
            return Solution(versions={}, urls={}, via={})
        with tempfile.TemporaryDirectory(prefix="safe-install-") as folder:
            root = Path(folder)
            labels = write_inputs(root, request.inputs)
            arguments = [*labels]
            for option, texts in (("constraints", request.constraints), ("overrides", request.overrides)):
                if texts:
                    (root / f"{option}.txt").write_text(lines_of(texts), encoding="utf-8")
                    arguments += [f"--{option}", f"{option}.txt"]
            output = root / "out.txt"
            # uv takes the versions of an output file that exists already as preferences: that is "least change".
            preferred = [
                f"{name}=={version}"
                for name, version in sorted(request.preferences.items())
                if is_version(version)
            ]
            output.write_text(lines_of(preferred), encoding="utf-8")
            arguments += [
                "--output-file",
                "out.txt",
                "--no-header",
                "--annotation-style",
                "split",
                "--no-strip-extras",
            ]
            arguments += self._build_flags(request.allow_builds)
            forced = SolveInput(label="", texts=(*request.constraints, *request.overrides))
            access = access_of([*request.inputs, forced])
            try:
                self._compile(arguments, folder, cancel, with_stubs=True, more=access)
            except SolveFailureError as failure:
                return failure
            solution = parse_solution(from_requirements(output.read_text(encoding="utf-8")), labels)
        granted = {name: entry.index for entry in request.inputs for name in entry.indexed}
        fetched = solution.versions.keys() - solution.urls.keys()
        return replace(solution, indexes={name: granted[name] for name in sorted(fetched & granted.keys())})

    def _compile(
        self,
        arguments: Sequence[str],
        folder: str,
        cancel: threading.Event | None,
        *,
        with_stubs: bool,
        more: Mapping[str, str],
    ) -> None:
        command = ["pip", "compile", *arguments, "--quiet", "--python", self._python.executable]
        if with_stubs and self._stubs is not None:
            command += ["--find-links", str(self._stubs)]
        if self._refresh:
            command.append("--refresh")
            self._refresh = False
        done = self._run(command, folder, cancel, more)
        if done.returncode:
            raise SolveFailureError(classify(done.stderr), redact(done.stderr))

    @staticmethod
    def _build_flags(allow_builds: bool) -> list[str]:
        return [] if allow_builds else ["--no-build"]

    def _run(
        self,
        arguments: Sequence[str],
        folder: str,
        cancel: threading.Event | None,
        more: Mapping[str, str],
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        environment = clean_environment({"NO_COLOR": "1", "UV_NO_PROGRESS": "1"})
        settings = self._fresh_settings()
        if settings:
            for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
                environment.pop(name, None)
        if not set(arguments) & {"--no-build", "--offline"}:
            environment = without_secrets(environment, indexes=True)  # Builds run the code of packages.
        environment |= more
        command = [str(self._uv), *arguments, *settings]
        done = run(command, env=environment, cwd=folder, cancel=cancel, timeout=3600, on_line=on_line)
        if done.returncode:
            refuse_unlockable_cache(done.stderr)
        return done

    # --- how fresh the index's pages must be --------------------------------------------------------------

    def _fresh_settings(self) -> tuple[str, ...]:
        """uv options that let recent index pages count as fresh; () where the user configured uv himself."""
        with self._lock:
            if self._settings is None:
                self._settings = self._make_fresh_settings()
            return self._settings

    def _make_fresh_settings(self) -> tuple[str, ...]:
        with tempfile.TemporaryDirectory(prefix="safe-install-") as folder:
            (Path(folder) / "empty.in").touch()
            question = ("pip", "compile", "empty.in", "--emit-index-url", "--no-header", "--quiet")
            command = [str(self._uv), *question, "--offline"]
            done = run(
                [*command, "--python", self._python.executable],
                env=clean_environment({"NO_COLOR": "1"}),
                cwd=folder,
                timeout=60,
            )
        self._fingerprint = hashlib.sha256(done.stdout.encode()).hexdigest()
        urls = re.findall(r"^--(index-url|extra-index-url) (\S+)$", done.stdout, re.MULTILINE)
        if any(is_at_hand(url) for _, url in urls) or os.environ.get("UV_FIND_LINKS"):
            # An index on this machine answers at once, and changes under its owner's hands.
            self._memory = Memory(None)
            return ()
        odd = any(set(url) & set('@"?') for _, url in urls)
        if done.returncode or not urls or odd or _has_own_settings():
            return ()
        lines = []
        for kind, url in urls:
            default = "default = true\n" if kind == "index-url" else ""
            lines.append(f'[[index]]\nurl = "{url}"\n{default}cache-control = {{ {_CACHE_CONTROL} }}\n')
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            # The name tells the content: another process may ask other indexes. Their order is their priority.
            settings = self._cache / f"uv-{self._fingerprint[:16]}.toml"
            settings.write_text("\n".join(lines), encoding="utf-8")
        except OSError:
            return ()
        return ("--config-file", str(settings))

    # --- remembered answers -------------------------------------------------------------------------------

    def _key(self, request: SolveRequest) -> str:
        """Name of the answer in the memory; empty where it hangs on secrets, which may have been renewed since."""
        self._fresh_settings()
        # The stub folder is named by its content.
        stubs = self._stubs.name if self._stubs else ""
        python = [self._python.executable, self._python.version, self._python.platform]
        body = json.dumps([asdict(request), stubs, python, self._fingerprint], sort_keys=True, default=str)
        return "" if has_names(body) else hashlib.sha256(body.encode()).hexdigest()


def is_at_hand(url: str) -> bool:
    """Whether an index lies on this machine: a folder, or a server on a loopback address."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "file" or host in {"localhost", "::1"} or host.startswith("127.")


def _has_own_settings() -> bool:
    """Whether the user configured uv by a file, which `--config-file` would replace, or an index by its name."""
    home = Path.home()
    candidates = [Path("/etc/uv/uv.toml"), home / ".config" / "uv" / "uv.toml"]
    for variable in ("XDG_CONFIG_HOME", "APPDATA", "PROGRAMDATA"):
        if os.environ.get(variable):
            candidates.append(Path(os.environ[variable]) / "uv" / "uv.toml")
    candidates += [
        Path(part) / "uv" / "uv.toml" for part in os.environ.get("XDG_CONFIG_DIRS", "").split(":") if part
    ]
    if os.environ.get("UV_CONFIG_FILE"):
        candidates.append(Path(os.environ["UV_CONFIG_FILE"]))
    named = any(re.fullmatch(r"UV_INDEX_\w+_(USERNAME|PASSWORD)", name) for name in os.environ)
    return named or any(path.is_file() for path in candidates)
