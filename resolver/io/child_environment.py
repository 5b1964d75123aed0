"""Which environment variables a child process gets: built by a table, not inherited blindly.

The rule: what a user configures about *reaching* packages (indexes, proxies, certificates, caches,
time limits) and about *trusting less* stays. What would send a tool to another environment, change
what a lock means, widen trust behind our consent, or spoil output we read, goes.
Everything that belongs to no family below (PATH, HOME, TMPDIR, LANG, HTTPS_PROXY, SSL_CERT_FILE,
CUDA_HOME, LD_LIBRARY_PATH ...) stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ..errors import redact

_FAMILIES = ("UV_", "PIP_", "PYTHON")
"""Names that begin so are dropped unless the table of the family keeps them.

An allow list, because each release of uv and pip adds variables that nobody here has judged yet.
"""

_KEPT = (
    # uv: where packages come from, with credentials (named indexes: UV_INDEX_<NAME>_USERNAME).
    r"UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|INDEX_STRATEGY)",
    r"UV_INDEX_\w+_(USERNAME|PASSWORD)",
    r"UV_(KEYRING_PROVIDER|CREDENTIALS_DIR)",
    # uv: how to reach them. INSECURE_HOST is the user's own word on a host of theirs.
    r"UV_(OFFLINE|HTTP_\w+|REQUEST_TIMEOUT|CONCURRENT_\w+|INSECURE_HOST)",
    r"UV_(NATIVE_TLS|SYSTEM_CERTS|GITHUB_TOKEN|GIT_LFS)",
    r"UV_(S3|GCS|AZURE)_ENDPOINT_URL",
    # uv: where things are kept. A user who moved these has a full or slow disk elsewhere.
    r"UV_(CACHE_DIR|NO_CACHE|CONFIG_FILE|NO_CONFIG|LOCK_TIMEOUT)",
    # uv: rules by which a user trusts less than the default; dropping one would widen trust.
    r"UV_(EXCLUDE_NEWER|EXCLUDE_NEWER_PACKAGE|REQUIRE_HASHES|MALWARE_CHECK)",
    r"UV_(NO_BUILD|NO_BUILD_PACKAGE|BUILD_CONSTRAINT)",
    # Not kept, on purpose: UV_CONSTRAINT, UV_OVERRIDE, UV_EXCLUDE, UV_RESOLUTION, UV_PRERELEASE,
    # UV_FORK_STRATEGY, UV_TORCH_BACKEND (they change what a lock means; ours come by file and are
    # attributed); UV_PYTHON*, UV_SYSTEM_PYTHON, UV_TARGET, UV_PREFIX, UV_PROJECT*, UV_WORKING_DIR,
    # UV_ENV_FILE, UV_BREAK_SYSTEM_PACKAGES (they redirect); UV_LINK_MODE (`symlink` would tie the
    # environment to a cache); UV_NO_INSTALLER_METADATA (a missing INSTALLER is our sign of a torn
    # install); UV_NO_BINARY, UV_NO_BUILD_ISOLATION (builds need consent and must not see the live
    # environment); UV_NO_VERIFY_HASHES, UV_INSECURE_NO_ZIP_VALIDATION (they widen trust);
    # UV_PREVIEW*, UV_COMPILE_BYTECODE, UV_NO_PROGRESS, UV_CUSTOM_COMPILE_COMMAND (ours to choose).
    #
    # pip, run by install.py scripts only: the same rule. PIP_TARGET, PIP_PREFIX, PIP_USER, PIP_ROOT,
    # PIP_PYTHON, PIP_CONSTRAINT, PIP_REQUIREMENT, PIP_BREAK_SYSTEM_PACKAGES and the like go.
    r"PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|CERT|CLIENT_CERT|PROXY)",
    r"PIP_(CACHE_DIR|NO_CACHE_DIR|CONFIG_FILE|DEFAULT_TIMEOUT|TIMEOUT|RETRIES|KEYRING_PROVIDER)",
    r"PIP_(ONLY_BINARY|REQUIRE_HASHES|NO_INPUT|DISABLE_PIP_VERSION_CHECK)",
    # Python: text encoding and where or whether bytecode is written. PYTHONPATH, PYTHONHOME,
    # PYTHONUSERBASE, PYTHONSTARTUP, PYTHONEXECUTABLE redirect; PYTHONWARNINGS=error breaks children.
    r"PYTHON(UTF8|IOENCODING|DONTWRITEBYTECODE|PYCACHEPREFIX|HASHSEED|UNBUFFERED|NOUSERSITE)",
)
_KEEP = re.compile("|".join(_KEPT))

_DROP = frozenset(
    {
        # Another environment: uv takes an activated one before anything else.
        "VIRTUAL_ENV",
        "VIRTUAL_ENV_PROMPT",
        "CONDA_PREFIX",
        "CONDA_DEFAULT_ENV",
        "CONDA_PYTHON_EXE",
        "__PYVENV_LAUNCHER__",
        "_PYTHON_SYSCONFIGDATA_NAME",
        "_PYTHON_HOST_PLATFORM",
        # A git hook sets these; a git started by us would then write into *that* repository.
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_COMMON_DIR",
        "GIT_PREFIX",
        # Colour codes in output that is shown elsewhere.
        "FORCE_COLOR",
        "CLICOLOR_FORCE",
        "PY_COLORS",
    }
)

_SECRET = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE_KEY|_KEY$|_PAT$|^NETRC$|_AUTH$"
    r"|^SSH_AUTH_SOCK$|^GIT_ASKPASS$|^SSH_ASKPASS$|^AWS_|^AZURE_|^GCP_|^GOOGLE_"
)
"""Names of what lets somebody in."""
_FETCHES = re.compile(
    r"UV_|PIP_|NETRC$|SSH_AUTH_SOCK$|SSH_ASKPASS|GIT_ASKPASS$|GOOGLE_APPLICATION_CREDENTIALS$|\w+_PROXY$"
)
"""Of those, what packages are fetched with: settings of uv and pip, and ways to ask for something that is not here."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")

_SET = {
    # A question nobody can see would hang the job for ever.
    "GIT_TERMINAL_PROMPT": "0",
    "PIP_NO_INPUT": "1",
    "NO_COLOR": "1",
}


def clean_environment(
    extra: Mapping[str, str] | None = None, *, base: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment for a child: this process's own (or `base`), cleaned by the table, plus `extra`."""
    source = os.environ if base is None else base
    kept = {name: value for name, value in source.items() if _is_kept(name)}
    return {**kept, **_SET, **(extra or {})}


def without_secrets(environment: Mapping[str, str], *, indexes: bool = False) -> dict[str, str]:
    """The environment for code of a pack: nothing that lets one in anywhere, by its name or by its address.

    That code was written by strangers. Imports in a trial get none of it; install.py and builds, which fetch
    packages, keep what reaches `indexes` (pip and uv), and nothing else: no token of GitHub, Hugging Face or
    a cloud. Who needs one there gives it in a file, or runs the script by hand.
    """
    return {
        name: value
        for name, value in environment.items()
        if (indexes and _FETCHES.match(name.upper()))
        or not (_SECRET.search(name.upper()) or redact(value) != _CONTROL.sub("", value))
    }


def _is_kept(name: str) -> bool:
    upper = name.upper()  # Windows holds names in any case.
    if upper in _DROP:
        return False
    if upper.startswith(_FAMILIES):
        return _KEEP.fullmatch(upper) is not None
    return True
