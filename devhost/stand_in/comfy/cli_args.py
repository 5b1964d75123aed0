"""`args`: ComfyUI's names for what it was started with (comfy/cli_args.py of 0.8.0)."""

from __future__ import annotations

from argparse import Namespace

from ...options import Options

args = Namespace(
    auto_launch=False,
    base_directory=None,
    cache_classic=False,
    cache_lru=0,
    cache_none=False,
    comfy_api_base="https://api.comfy.org",
    cpu=True,
    cuda_device=None,
    database_url="sqlite:///:memory:",
    default_device=None,
    default_hashing_function="sha256",
    deterministic=False,
    directml=None,
    disable_auto_launch=True,
    disable_metadata=False,
    dont_print_server=False,
    enable_compress_response_body=False,
    fast=set(),
    front_end_version="comfyanonymous/ComfyUI@latest",
    gpu_only=False,
    highvram=False,
    input_directory=None,
    log_stdout=False,
    lowvram=False,
    normalvram=False,
    novram=False,
    output_directory=None,
    preview_method="none",
    preview_size=512,
    temp_directory=None,
)


def take(options: Options) -> None:
    """Fill `args` with the options of this start."""
    for name in (
        "port", "listen", "max_upload_size", "multi_user", "enable_manager", "enable_manager_legacy_ui",
        "disable_manager_ui", "disable_api_nodes", "disable_all_custom_nodes", "quick_test_for_ci",
        "windows_standalone_build", "verbose",
    ):  # fmt: skip
        setattr(args, name, getattr(options, name))
    for name in ("tls_keyfile", "tls_certfile", "front_end_root", "user_directory"):
        path = getattr(options, name)
        setattr(args, name, None if path is None else str(path))
    args.enable_cors_header = options.enable_cors_header or None
    args.whitelist_custom_nodes = list(options.whitelist_custom_nodes)
    configs = [str(path) for path in options.extra_model_paths_config]
    args.extra_model_paths_config = [configs] if configs else None
