"""An environment in which one change moves everything there is to move."""

from __future__ import annotations

from .installation import Installation

MANY = 120
"""Files of the large package: a swap moves them as one folder, an installer one by one."""

REQUIREMENTS = ("tool>=2", "fresh", "opencv-contrib-python>=4.11")
"""What the packs of `furnish` ask for."""


def furnish(here: Installation) -> list[str]:
    """Distributions of every shape, two owners of one folder, an unowned file, two packs; the change.

    The change replaces `tool` (scripts in bin, an entry-point script, data files, a namespace package, a
    single module, a .pth file, many files), touches one of two owners of `cv2`, brings a new distribution
    over a file nobody owns, adds one pack and replaces another.
    """
    here.have("base", "1.0")
    here.have("neighbour", "1.0", files={"space/theirs/__init__.py": ""})
    for version, bring in (("1.0", here.have), ("2.0", here.wheel)):
        bring(
            "tool",
            version,
            files={
                f"tool/only_{version[0]}.py": "",
                "tool/__init__.py": f"__version__ = {version!r}\n",
                "space/mine/__init__.py": "",
                "single.py": f"VERSION = {version!r}\n",
                **({"tool.pth": "import sys\n"} if version == "2.0" else {}),
                **{f"bulk/part_{number}.py": f"PART = {number, version}\n" for number in range(MANY)},
            },
            scripts={"tool-script": f"#!python\nprint({version!r})\n"},
            entry_points={"tool-entry": "tool:main"},
            data={"share/tool.txt": version},
        )
    for name in ("opencv-python", "opencv-contrib-python"):
        here.have(name, "4.10", files={"cv2/__init__.py": name, f"cv2/{name}.txt": name})
    here.wheel("opencv-contrib-python", "4.11", files={"cv2/__init__.py": "", "cv2/new.txt": ""})
    here.wheel("fresh", "1.0", files={"fresh/__init__.py": "", "fresh/config.py": "NEW = 1\n"})
    (here.venv.site_packages / "fresh").mkdir()
    (here.venv.site_packages / "fresh" / "config.py").write_text("MINE = 1\n")
    here.compile()
    replaced = here.packs / "replaced"
    (replaced / ".git").mkdir(parents=True)
    (replaced / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (replaced / "__init__.py").write_text("OLD = 1\n")
    tool, fresh, opencv = REQUIREMENTS
    new = here.source("replaced", opencv, files={"__init__.py": "NEW = 1\n"})
    return ["install", here.source("added", tool, fresh), new, "--yes"]
