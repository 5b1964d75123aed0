"""git, run so that nothing a repository brings along is executed: no hooks, no filters, no helpers.

The user's own configuration stays in force where it is about reaching a server (proxies, certificates,
`insteadOf`, SSH keys, credential helpers).
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import Hint, SafeInstallError, redact
from .child_environment import clean_environment
from .credentials import GitAccess, bare, clone_access
from .git_folder import find_git_dir
from .process import Completed, run

_SAFE_CONFIG = (
    # A name below the null device exists nowhere, so no hook is found, wherever the user keeps theirs.
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    # Names that another file system takes for `.git` (`GIT~1`, `.g\u200cit`) are refused on all of them.
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "core.longpaths=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "status.submoduleSummary=false",
    "advice.detachedHead=false",
    # A dead connection ends after a minute instead of hanging for ever.
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    # Large files stay pointers: fetching gigabytes must be the user's own decision.
    "filter.lfs.smudge=",
    "filter.lfs.process=",
    "filter.lfs.required=false",
)
_KEEP_GIT_VARIABLES = re.compile(
    r"GIT_(SSH\w*|SSL_\w+|HTTP_\w+|PROXY_\w+|ASKPASS|EXEC_PATH|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM))"
)
_UNREACHABLE = re.compile(
    r"could not resolve (host|proxy)|failed to connect|couldn't connect|connection (timed out|refused|reset)"
    r"|network is unreachable|no route to host|operation (timed out|too slow)|temporary failure in name",
    re.IGNORECASE,
)
_NO_ACCESS = re.compile(
    r"authentication failed|could not read (username|password)|terminal prompts disabled"
    r"|permission denied \(|repository not found|access denied|returned error: 40[134]",
    re.IGNORECASE,
)
_PROGRESS = re.compile(r"^(?:remote: )?[A-Z][\w ]+:\s+\d+% \(")
_NO_ACCESS_NEEDED = GitAccess()
_COMMIT = re.compile(r"^[0-9a-fA-F]{4,64}$")
_STATUS_SECONDS = 60.0
_LAST_LINES = 12


def clone(
    url: str,
    target: Path,
    *,
    ref: str = "",
    cancel: threading.Event | None = None,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Clone `url` into the new folder `target`, check `ref` out with its submodules; returns the commit.

    `ref` is a branch (then followed, so that `git pull` works), a tag or a commit; empty for the default
    branch. Blocks, and uses the network unless `url` is `file://`. What is left of `target` after a failure
    is for the caller to remove.

    Raises SafeInstallError `git-missing`, `git-failed`, `git-ref-not-found`, `network-unreachable`;
    CancelledError.
    """
    protocols = ["https", "http", "ssh"]
    if url.lower().startswith("file://"):
        # Only then: a repository from the net could otherwise name a folder of this machine as a submodule.
        protocols.append("file")

    access = clone_access(url)
    url = bare(url)

    def git(*arguments: str, cwd: Path = target, must: bool = True) -> Completed:
        shown = on_line if "--progress" in arguments else None
        return _run_git(
            arguments,
            cwd=cwd,
            protocols=protocols,
            cancel=cancel,
            on_line=shown,
            must=must,
            access=access,
        )

    progress = "--progress" if on_line else "--quiet"
    git("clone", "--no-checkout", "--template=", "--origin=origin", progress, "--", url, str(target),
        cwd=target.parent)  # fmt: skip
    _check_out(git, ref)
    if (target / ".gitmodules").is_file():
        git("submodule", "update", "--init", "--recursive", progress)
    return git("rev-parse", "HEAD").stdout.strip()


def remote_commit(url: str, ref: str = "", *, cancel: threading.Event | None = None) -> str:
    """The commit a branch or tag of that repository has now, without a ref that of its default branch.

    Empty where the server has no such ref, or cannot be asked: whoever needs it will meet the reason. Blocks.
    """
    protocols = ["https", "http", "ssh", *(["file"] if url.lower().startswith("file://") else [])]
    wanted = [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}"] if ref else ["HEAD"]
    try:
        listed = _run_git(
            ("ls-remote", "--", bare(url), *wanted),
            cwd=Path.cwd(),
            protocols=protocols,
            cancel=cancel,
            timeout=_STATUS_SECONDS,
            access=clone_access(url),
        )
    except (SafeInstallError, OSError):
        return ""
    found = {
        name: commit for commit, _, name in (line.partition("\t") for line in listed.stdout.splitlines())
    }
    return next((found[name] for name in wanted if name in found), "")


def is_dirty(work_tree: Path) -> bool | None:
    """Whether the work tree differs from its commit; None where there is no repository or git cannot tell.

    Files the repository ignores and bytecode do not count. Writes nothing, not even the index. Blocks.
    """
    if find_git_dir(work_tree) is None:
        return None
    try:
        options = ("--porcelain=v1", "-z", "--untracked-files=normal", "--ignore-submodules=dirty")
        status = _run_git(
            (*_without_own_filters(work_tree), "status", *options),
            cwd=work_tree,
            timeout=_STATUS_SECONDS,
        )
    except SafeInstallError:
        return None
    changed = [entry for entry in status.stdout.split("\0") if entry]
    return any(not entry.endswith(("__pycache__/", ".pyc")) for entry in changed)


def tracked_files(work_tree: Path) -> frozenset[str]:
    """The relative paths git keeps in its index, those of submodules included. Runs git; blocks.

    Raises SafeInstallError `git-missing`, `git-failed`.
    """
    listed = _run_git(("ls-files", "-z", "--recurse-submodules"), cwd=work_tree, timeout=_STATUS_SECONDS)
    return frozenset(path for path in listed.stdout.split("\0") if path)


def _without_own_filters(work_tree: Path) -> list[str]:
    """Options that switch off each filter the repository itself configures: `git status` would run them."""
    found = _run_git(
        ("config", "--show-scope", "--name-only", "--get-regexp", r"^filter\."), cwd=work_tree, must=False
    )
    options: list[str] = []
    for line in found.stdout.splitlines():
        scope, _, key = line.partition("\t")
        if scope in ("local", "worktree"):
            if "=" in key:
                # git cuts `-c key=value` at the first `=`, so this filter could not be switched off.
                raise SafeInstallError(
                    "git-failed", f"The repository configures a filter by an odd name: {key}."
                )
            options += ["-c", f"{key}=false" if key.endswith(".required") else f"{key}="]
    return options


def _check_out(git: Callable[..., Completed], ref: str) -> None:
    """Fill the work tree of a fresh clone."""
    if not ref:
        head = git("symbolic-ref", "--short", "--quiet", "HEAD", must=False).stdout.strip()
        if head and _exists(git, f"refs/remotes/origin/{head}"):
            git("checkout", "--quiet", "--force", "-B", head, "--track", f"refs/remotes/origin/{head}", "--")
        elif _exists(git, "HEAD"):
            git("checkout", "--quiet", "--force", "--detach", "HEAD", "--")
        else:
            raise SafeInstallError("git-failed", "The repository is empty: it has no commit to install.")
        return
    if _exists(git, f"refs/remotes/origin/{ref}"):
        git("checkout", "--quiet", "--force", "-B", ref, "--track", f"refs/remotes/origin/{ref}", "--")
        return
    if _exists(git, f"refs/tags/{ref}"):
        found = f"refs/tags/{ref}"
    elif _COMMIT.match(ref) and _exists(git, ref):
        found = ref
    else:
        _fetch(git, ref)
        found = "FETCH_HEAD"
    git("checkout", "--quiet", "--force", "--detach", f"{found}^{{commit}}", "--")


def _fetch(git: Callable[..., Completed], ref: str) -> None:
    """Ask the server for a commit that is on no branch, or for a pull request's `pull/12/head`."""
    fetched = git("fetch", "--quiet", "--no-tags", "origin", ref, must=False)
    if fetched.returncode == 0:
        return
    if _UNREACHABLE.search(fetched.stderr):
        raise _failure(("fetch",), fetched)
    raise SafeInstallError(
        "git-ref-not-found",
        f"The repository has no branch, tag or commit {ref!r}.",
        context={"ref": ref},
        hints=(Hint("check-ref", "Check the name after the @; without one the default branch is taken."),),
    )


def _exists(git: Callable[..., Completed], name: str) -> bool:
    return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", must=False).returncode == 0


def _run_git(
    arguments: Sequence[str],
    *,
    cwd: Path,
    protocols: Sequence[str] = ("none",),
    cancel: threading.Event | None = None,
    on_line: Callable[[str], None] | None = None,
    timeout: float | None = None,
    must: bool = True,
    access: GitAccess = _NO_ACCESS_NEEDED,
) -> Completed:
    program = shutil.which("git")
    if program is None:
        raise SafeInstallError(
            "git-missing",
            "git is needed for this source and is not installed, or not on the PATH.",
            hints=(Hint("install-git", "Install git, or download the pack as a zip and install that."),),
        )
    # The folder is named by the user, so its owner does not matter; what could run from it is switched off.
    config = [part for setting in (*_SAFE_CONFIG, "safe.directory=*") for part in ("-c", setting)]
    done = run(
        [program, *config, *access.options, *arguments],
        cwd=cwd,
        env={**_environment(protocols, ceiling=cwd.parent), **access.variables},
        timeout=timeout,
        cancel=cancel,
        on_line=on_line,
    )
    if must and done.returncode != 0:
        raise _failure(arguments, done)
    return done


def _environment(protocols: Sequence[str], *, ceiling: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in clean_environment().items()
        if not name.upper().startswith("GIT_") or _KEEP_GIT_VARIABLES.fullmatch(name.upper())
    }
    return {
        **inherited,
        "GIT_ALLOW_PROTOCOL": ":".join(protocols),
        # A folder whose `.git` is broken must not be taken for a part of ComfyUI's own repository.
        "GIT_CEILING_DIRECTORIES": str(ceiling),
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        # The template a user set up may hold hooks; submodules take it from here.
        "GIT_TEMPLATE_DIR": "",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _failure(arguments: Sequence[str], done: Completed) -> SafeInstallError:
    lines = [line for line in re.split(r"[\r\n]+", done.stderr) if line.strip() and not _PROGRESS.match(line)]
    said = redact("\n".join(lines[-_LAST_LINES:]))
    command = next((part for part in arguments if not part.startswith("-")), "")
    context = {"command": f"git {command}", "output": said, "returncode": done.returncode}
    if _UNREACHABLE.search(done.stderr):
        return SafeInstallError(
            "network-unreachable",
            f"The server of the repository cannot be reached: {lines[-1] if lines else ''}",
            context=context,
            hints=(Hint("check-network", "Check the network, the proxy and the host name, then try again."),),
        )
    hints: tuple[Hint, ...] = ()
    if _NO_ACCESS.search(done.stderr):
        hints = (
            Hint(
                "check-access",
                "Check the address. For a private repository set up an SSH key or a credential helper:"
                " nobody can be asked for a password here.",
            ),
        )
    return SafeInstallError(
        "git-failed",
        f"git {command} failed: {lines[-1] if lines else f'exit code {done.returncode}'}",
        context=context,
        hints=hints,
    )
