"""Which variables reach a child."""

from __future__ import annotations

import pytest

from comfyui_safe_install.resolver.io.child_environment import clean_environment

KEPT = """
    PATH HOME TMPDIR LANG LC_ALL HTTPS_PROXY no_proxy SSL_CERT_FILE REQUESTS_CA_BUNDLE LD_LIBRARY_PATH
    CUDA_HOME SYSTEMROOT GIT_SSH_COMMAND NETRC PYTORCH_CUDA_ALLOC_CONF UV_INDEX_URL UV_DEFAULT_INDEX
    UV_EXTRA_INDEX_URL UV_INDEX UV_INDEX_OURS_USERNAME UV_INDEX_OURS_PASSWORD UV_FIND_LINKS UV_NO_INDEX
    UV_CACHE_DIR UV_OFFLINE UV_HTTP_TIMEOUT UV_HTTP_RETRIES UV_NATIVE_TLS UV_SYSTEM_CERTS
    UV_KEYRING_PROVIDER UV_CONFIG_FILE UV_INSECURE_HOST UV_EXCLUDE_NEWER UV_NO_BUILD PIP_INDEX_URL
    PIP_CERT PYTHONUTF8
""".split()  # noqa: SIM905 - forty lines otherwise
DROPPED = """
    PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONWARNINGS VIRTUAL_ENV CONDA_PREFIX
    UV_CONSTRAINT UV_OVERRIDE UV_EXCLUDE UV_TARGET UV_PREFIX UV_SYSTEM_PYTHON UV_PYTHON UV_PROJECT
    UV_PROJECT_ENVIRONMENT UV_TORCH_BACKEND UV_LINK_MODE UV_NO_INSTALLER_METADATA UV_RESOLUTION
    UV_PRERELEASE UV_NO_VERIFY_HASHES UV_NO_BUILD_ISOLATION UV_WORKING_DIR UV_A_VARIABLE_OF_NEXT_YEAR
    PIP_TARGET PIP_USER PIP_CONSTRAINT PIP_PYTHON GIT_DIR GIT_INDEX_FILE FORCE_COLOR
""".split()  # noqa: SIM905 - forty lines otherwise


@pytest.mark.parametrize("name", KEPT)
def test_how_packages_are_reached_stays(name: str) -> None:
    """What a user set to reach packages, or to trust less, is the child's as well."""
    assert clean_environment(base={name: "x"})[name] == "x"


@pytest.mark.parametrize("name", DROPPED)
def test_what_would_redirect_goes(name: str) -> None:
    """What would send a tool elsewhere or change a lock is dropped, also what uv invents later."""
    assert name not in clean_environment(base={name: "x"})


def test_names_are_compared_as_windows_does() -> None:
    """`Virtual_Env` is the same variable there."""
    assert "Virtual_Env" not in clean_environment(base={"Virtual_Env": "x"})


def test_what_the_caller_adds_wins() -> None:
    """`extra` is added last, whatever the table says."""
    cleaned = clean_environment({"PYTHONPATH": "stage", "NO_COLOR": "0"}, base={"PYTHONPATH": "live"})
    assert cleaned["PYTHONPATH"] == "stage"
    assert cleaned["NO_COLOR"] == "0"
    assert cleaned["GIT_TERMINAL_PROMPT"] == "0"
