"""From a list of files: what can be imported, what goes away, what is shared."""

from __future__ import annotations

from comfyui_safe_install.resolver.core.offered import (
    module_name,
    offered_modules,
    shared_packages,
    vanishing_modules,
)

RECORD = (
    "cv2/__init__.py",
    "cv2/cv2.abi3.so",
    "cv2/data/__init__.py",
    "six.py",
    "fast.cpython-311-x86_64-linux-gnu.so",
    "win.cp311-win_amd64.pyd",
    "plain.pyd",
    "google/protobuf/__init__.py",
    "google/api/deep/er/__init__.py",
    "assets/logo.png",
    "share/man/x.py",
    "tests/__init__.py",
    "setup.py",
    "_private.py",
    "_cffi_backend.cpython-311-x86_64-linux-gnu.so",
    "types-stubs/x.pyi",
    "only_stubs/__init__.pyi",
    "loose/mod.py",
    "zlib1.dll",
    "__pycache__/six.cpython-311.pyc",
    "distutils-precedence.pth",
    "../../../bin/tool",
    "x-1.0.dist-info/RECORD",
    "x-1.0.data/purelib/y.py",
)


def test_what_a_distribution_offers() -> None:
    """Public packages and modules, compiled ones too, namespaces by their first package, nothing else."""
    assert offered_modules(RECORD) == (
        "cv2", "fast", "google.api.deep.er", "google.protobuf", "plain", "six", "win",
    )  # fmt: skip


def test_module_names() -> None:
    """A file's module name ends at its first dot; other files have none."""
    assert [module_name(file) for file in ("a.py", "a.cpython-311-darwin.so", "a.pyi", "a.txt", "py")] == [
        "a", "a", "", "", "",
    ]  # fmt: skip


def test_what_vanishes_with_a_distribution() -> None:
    """A name nobody shares goes whole; in a shared namespace only the leaving one's own part goes."""
    gone = vanishing_modules(
        {
            "protobuf": ["google/protobuf/__init__.py", "google/_upb.so", "google/readme.md"],
            "six": ["six.py"],
        },
        ["google/auth/__init__.py", "other.py"],
    )
    assert gone == {"protobuf": ("google._upb", "google.protobuf"), "six": ("six",)}
    both = vanishing_modules(
        {"opencv-python": ["cv2/__init__.py", "cv2/a.so", "cv2/data/x.xml"]}, ["cv2/__init__.py", "cv2/b.so"]
    )
    assert both == {"opencv-python": ("cv2.a",)}


def test_shared_packages() -> None:
    """A package the stage and others both keep files in is shared; a namespace without __init__ is not."""
    assert shared_packages(
        ["nvidia/__init__.py", "nvidia/cublas/__init__.py", "google/protobuf/__init__.py", "six.py"],
        ["nvidia/__init__.py", "nvidia/cudnn/__init__.py", "google/auth/__init__.py", "six.py"],
    ) == ("nvidia",)
