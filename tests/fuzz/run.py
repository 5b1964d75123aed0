"""Fuzz one target with atheris for some seconds, or shrink what it found; started by tools/fuzz.

    python run.py TARGET SECONDS FOLDER

New inputs are collected in FOLDER/corpus, what breaks the law in FOLDER/found.
"""

from __future__ import annotations

import atexit
import sys
import types
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

ROOT = Path(__file__).resolve().parents[2]


def _load() -> tuple[dict[str, object], object]:
    """The targets and the seeds, with every branch of ours and of what parses for us counted."""
    package = types.ModuleType("comfyui_safe_install")
    package.__path__ = [str(ROOT)]
    sys.modules["comfyui_safe_install"] = package
    ours = ["comfyui_safe_install", "packaging", "zipfile", "tomllib", "csv", "json", "urllib"]
    with atheris.instrument_imports(include=ours):
        from comfyui_safe_install.tests.fuzz import seeds, targets
    atexit.register(targets.clear)
    return dict(targets.TARGETS), seeds.seeds


def main() -> None:
    """Run until the time is over or the law is broken (exit code 77)."""
    name, seconds, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    targets, seeds = _load()
    corpus, found = folder / "corpus", folder / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    for number, seed in enumerate(seeds(name)):  # type: ignore[operator]
        (corpus / f"seed-{number:04d}").write_bytes(seed)
    arguments = [sys.argv[0], str(corpus), f"-artifact_prefix={found}/", f"-max_total_time={seconds}"]
    # A reader that needs more than ten seconds or a gigabyte for a few kilobytes breaks the law as well.
    arguments += [
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=65536",
        "-len_control=50",
        "-print_final_stats=1",
    ]
    atheris.Setup(arguments, targets[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
