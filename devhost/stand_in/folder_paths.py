"""Where things are (folder_paths.py of 0.8.0): names and behaviour of what packs ask for."""

from __future__ import annotations

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import yaml

base_path = ""
models_dir = ""
output_directory = ""
temp_directory = ""
input_directory = ""
user_directory = ""
supported_pt_extensions = {".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"}
folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {}
cache_helper: AbstractContextManager[None] = nullcontext()

SYSTEM_USER_PREFIX = "__"
_MODEL_FOLDERS = {
    "text_encoders": ("text_encoders", "clip"),
    "diffusion_models": ("unet", "diffusion_models"),
    "controlnet": ("controlnet", "t2i_adapter"),
    **{
        name: (name,)
        for name in (
            "checkpoints", "configs", "loras", "vae", "clip_vision", "style_models", "embeddings", "diffusers",
            "vae_approx", "gligen", "upscale_models", "hypernetworks", "photomaker", "classifiers",
        )
    },
}  # fmt: skip
_LEGACY = {"unet": "diffusion_models", "clip": "text_encoders"}


def set_up(base: Path, user: Path | None, *, names_system_users: bool) -> None:
    """Begin with this base folder. Without `names_system_users` as ComfyUI 0.3.64 and older."""
    global base_path, models_dir, output_directory, temp_directory, input_directory, user_directory  # noqa: PLW0603
    base_path = str(base)
    models_dir = str(base / "models")
    output_directory, temp_directory = str(base / "output"), str(base / "temp")
    input_directory, user_directory = str(base / "input"), str(user or base / "user")
    for name, folders in _MODEL_FOLDERS.items():
        paths = [str(base / "models" / folder) for folder in folders]
        folder_names_and_paths[name] = (paths, supported_pt_extensions)
    folder_names_and_paths["custom_nodes"] = ([str(base / "custom_nodes")], set())
    if not names_system_users:
        globals().pop("get_system_user_directory", None)


def load_extra_path_config(path: Path) -> None:
    """Read an extra_model_paths.yaml (utils/extra_config.py of 0.8.0)."""
    for section in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).values():
        if section is None:
            continue
        values = dict(section)
        root = path.absolute().parent
        if "base_path" in values:
            root = root / os.path.expandvars(Path(values.pop("base_path")).expanduser())
        is_default = values.pop("is_default", False)
        for name, lines in values.items():
            for line in filter(None, lines.split("\n")):
                folder = os.path.normpath(root / line)
                logging.info("Adding extra search path %s %s", name, folder)
                add_model_folder_path(name, folder, is_default)


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
    """Look there too; first when `is_default`."""
    folder_name = _LEGACY.get(folder_name, folder_name)
    paths = folder_names_and_paths.setdefault(folder_name, ([], set()))[0]
    if full_folder_path in paths:
        if not is_default:
            return
        paths.remove(full_folder_path)
    paths.insert(0 if is_default else len(paths), full_folder_path)


def get_folder_paths(folder_name: str) -> list[str]:
    """The folders of that kind; KeyError for none."""
    return folder_names_and_paths[_LEGACY.get(folder_name, folder_name)][0][:]


def get_filename_list(folder_name: str) -> list[str]:
    """Relative names of the files of that kind."""
    suffixes = folder_names_and_paths[_LEGACY.get(folder_name, folder_name)][1]
    return sorted(
        str(path.relative_to(folder))
        for folder in map(Path, get_folder_paths(folder_name))
        for path in folder.rglob("*")
        if path.is_file() and (not suffixes or path.suffix.lower() in suffixes)
    )


def get_full_path(folder_name: str, filename: str) -> str | None:
    """Where that file is; None when it is not there."""
    for folder in get_folder_paths(folder_name):
        if (Path(folder) / filename).is_file():
            return str(Path(folder) / filename)
    return None


def get_output_directory() -> str:
    """Where results go."""
    return output_directory


def get_temp_directory() -> str:
    """Emptied at start and end."""
    return temp_directory


def get_input_directory() -> str:
    """Where uploads go."""
    return input_directory


def get_user_directory() -> str:
    """Where settings and workflows lie."""
    return user_directory


def set_user_directory(user_dir: str) -> None:
    """Use another one."""
    global user_directory  # noqa: PLW0603  as ComfyUI's module
    user_directory = user_dir


def get_system_user_directory(name: str = "system") -> str:
    """A folder no HTTP request reaches; not made. ValueError for a name that is none."""
    if not name or not name.replace("_", "").isalnum() or name.startswith("_"):
        raise ValueError(f"Invalid system user name: '{name}'")
    return str(Path(get_user_directory()) / f"{SYSTEM_USER_PREFIX}{name}")


def get_public_user_directory(user_id: str) -> str | None:
    """The folder of a user that requests may reach; None for a system user."""
    if not user_id or user_id.startswith(SYSTEM_USER_PREFIX):
        return None
    return str(Path(get_user_directory()) / user_id)


def get_directory_by_type(type_name: str) -> str | None:
    """The folder behind `output`, `temp` and `input`."""
    return {"output": output_directory, "temp": temp_directory, "input": input_directory}.get(type_name)
