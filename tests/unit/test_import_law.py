"""The rooms keep to the architecture's import table, and files stay readable in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.import_law import LONG_FILES, LONGEST_FILE, offences, product_files


def test_every_module_imports_only_what_its_room_may(root: Path) -> None:
    """The table of the architecture holds for the whole product."""
    assert offences(root) == []


@pytest.mark.parametrize(
    ("file", "text", "breach"),
    [
        ("resolver/core/diff.py", "import os", "core is pure"),
        ("resolver/core/diff.py", "from pathlib import Path", "core is pure"),
        ("resolver/core/diff.py", "from urllib import request", "core is pure"),
        ("resolver/core/diff.py", "def f():\n    return open('x')", "calls open()"),
        ("resolver/core/diff.py", "from ..io import uv", "may not import resolver.io.uv"),
        ("resolver/core/diff.py", "from ... import nodes", "may not import nodes"),
        ("resolver/core/diff.py", "import pydantic", "may not import pydantic"),
        ("resolver/transaction/steps.py", "import packaging", "may not import packaging"),
        (
            "resolver/transaction/steps.py",
            "from ..core.types import Change",
            "may not import resolver.core.types",
        ),
        ("resolver/transaction/steps.py", "from ..core import types", "may not import resolver.core.types"),
        ("resolver/io/uv.py", "import subprocess", "starts processes"),
        ("resolver/io/uv.py", "from ..transaction import journal", "may not import resolver.transaction"),
        ("resolver/io/uv.py", "def f():\n    from ..engine import plan", "may not import resolver.engine"),
        ("resolver/engine.py", "from .io import uv", "may not import resolver.io.uv"),
        ("resolver/cli/output.py", "from ..io.uv import compile", "may not import resolver.io.uv"),
        (
            "resolver/cli/__init__.py",
            "from comfyui_safe_install.resolver import engine",
            "imported relatively",
        ),
        ("resolver/cli/__init__.py", "import resolver.engine", "imported relatively"),
        ("resolver/surprise.py", "", "belongs to no room"),
        ("server_routes/jobs.py", "from ..resolver.io import uv", "may not import resolver.io.uv"),
        ("server_routes/jobs.py", "from server import PromptServer", "may not import server"),
        ("nodes/save.py", "from ..resolver import engine", "may not import resolver.engine"),
        ("nodes/save.py", "import packaging", "may not import packaging"),
        ("__init__.py", "import pydantic", "may not import pydantic"),
        ("prestartup_script.py", "import folder_paths", "may not import folder_paths"),
        ("js/components/row.js", 'import { post } from "../api.js";', "may not import ../api.js"),
        ("js/store.js", 'import { app } from "../../scripts/app.js";', "only js/comfy.js"),
    ],
)
def test_a_breach_is_found(file: str, text: str, breach: str, tmp_path: Path) -> None:
    """Each rule of the law catches the import it forbids."""
    for module in ("io/uv", "io/process", "core/types", "transaction/journal", "engine"):
        path = tmp_path / "resolver" / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "nodes").mkdir()
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    (offence,) = offences(tmp_path)
    assert offence.startswith(file)
    assert breach in offence


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("resolver/core/diff.py", "from pathlib import PurePosixPath\nfrom packaging.version import Version"),
        ("resolver/core/diff.py", "from ..errors import Hint\nfrom .types import Change"),
        ("resolver/io/process.py", "import subprocess"),
        ("resolver/io/uv.py", "from uv import find_uv_bin\nfrom ..transaction.fs import move"),
        ("server_routes/jobs.py", "def f():\n    from server import PromptServer"),
        ("nodes/save.py", "def f():\n    from ..resolver.engine import plan"),
        ("prestartup_script.py", "def f():\n    import folder_paths"),
        ("js/comfy.js", 'import { app } from "../../scripts/app.js";'),
        ("js/components/row.js", 'import { icon } from "./icon.js";'),
    ],
)
def test_what_the_table_allows_is_no_breach(file: str, text: str, tmp_path: Path) -> None:
    """The law forbids nothing the architecture allows."""
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    assert offences(tmp_path) == []


def test_no_product_file_outgrows_one_reading(root: Path) -> None:
    """A file that grows past the limit is to be split by noun."""
    lengths = {
        path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in product_files(root, ".py", ".js", ".css")
    }
    long = {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE}
    assert long.keys() <= LONG_FILES, long
