"""Of a pack's source only what it really needs when it is loaded counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyui_safe_install.resolver.core.imports import read_imports, read_pack_imports


def needed(source: str) -> list[str]:
    """The modules that must be there."""
    return [use.module for use in read_imports(source, "x.py").absolute if not use.optional]


def optional(source: str) -> list[str]:
    """The modules that may be missing."""
    return [use.module for use in read_imports(source, "x.py").absolute if use.optional]


def test_every_form_of_import_at_module_level() -> None:
    """Plain, dotted, renamed and from-imports are seen with their line; relative ones are not absolute."""
    uses = read_imports(
        "import a, b.c as d\nfrom e.f import g\nfrom . import h\nfrom __future__ import annotations\n"
        "class K:\n    import k\nfor x in y:\n    import l\nwith z:\n    import m\n",
        "x.py",
    ).absolute
    assert [(use.module, use.line) for use in uses] == [
        ("a", 1), ("b.c", 1), ("e.f", 2), ("k", 6), ("l", 8), ("m", 10),
    ]  # fmt: skip
    assert not any(use.optional for use in uses)


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import a\nexcept ImportError:\n    a = None\n",
        "try:\n    import a\nexcept (ValueError, ModuleNotFoundError):\n    pass\n",
        "try:\n    import a\nexcept builtins.Exception:\n    pass\n",
        "try:\n    import a\nexcept:\n    pass\n",
        "try:\n    pass\nexcept ImportError:\n    import a\n",
        "try:\n    x\nexcept ImportError:\n    pass\nelse:\n    import a\n",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import a\n",
        "if TYPE_CHECKING:\n    import a\n",
        "if typing.TYPE_CHECKING:\n    import a\n",
        'if __name__ == "__main__":\n    import a\n',
        'if sys.platform == "win32":\n    import a\n',
        "if sys.version_info < (3, 11):\n    pass\nelse:\n    import a\n",
        "match x:\n    case 1:\n        import a\n",
    ],
)
def test_imports_that_may_fail(source: str) -> None:
    """Where the source itself copes with a missing module, it is optional."""
    assert optional(source) == ["a"]
    assert "a" not in needed(source)


@pytest.mark.parametrize(
    "source",
    ["def f():\n    import a\n", "async def f():\n    import a\n",
     "class K:\n    def f(self):\n        import a\n", "f = lambda: __import__('a')\n"],
)  # fmt: skip
def test_imports_inside_functions_do_not_run(source: str) -> None:
    """An import that runs only when called is none of loading's."""
    assert not read_imports(source, "x.py").absolute


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import a\nexcept ValueError:\n    pass\n",
        "try:\n    import a\nfinally:\n    pass\n",
        "try:\n    pass\nfinally:\n    import a\n",
        "if DEBUG:\n    import a\n",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import a\n",
        "while x:\n    import a\n",
    ],
)
def test_imports_that_must_not_fail(source: str) -> None:
    """A `try` that does not catch the failure makes no import optional."""
    assert needed(source) == ["a"]


@pytest.mark.parametrize(
    "source", ["import (", "x = 1\0", "(" * 5000, b"# -*- coding: nonsense -*-\n", b"\xff\xfe"]
)
def test_a_file_that_is_no_python_is_a_finding(source: str | bytes) -> None:
    """A broken file has no imports and is named, whatever the parser makes of it."""
    found = read_imports(source, "bad.py", pack="Flux")
    assert not found.absolute
    assert [(finding.code, finding.file, finding.pack) for finding in found.findings] == [
        ("syntax-error", "bad.py", "Flux")
    ]


def test_bytes_with_a_coding_line_are_read() -> None:
    """A file counts as Python reads it, in the encoding it declares."""
    assert (
        read_imports("# -*- coding: latin-1 -*-\nimport a # \xe4".encode("latin-1"), "x").absolute[0].module
        == "a"
    )


PACK = {
    "__init__.py": "from .nodes import *\nfrom . import util, missing\nfrom .sub.deep import x\n"
    "try:\n    from .extra import y\nexcept ImportError:\n    pass\n",
    "nodes.py": "import numpy\nfrom .util import z\n",
    "util/__init__.py": "import scipy\nfrom .. import nodes\nfrom ..other import w\n",
    "sub/__init__.py": "import in_package\n",
    "sub/deep.py": "from ... import too_far\nimport deep_one\n",
    "extra.py": "import maybe\nfrom .both import b\n",
    "both.py": "import by_both\n",
    "other.py": "from .both import b\nimport wrong(\n",
    "stray.py": "import stray\n",
    "prestartup_script.py": "import early\n",
}


def read(path: str) -> bytes | None:
    """A file of the made-up pack."""
    return PACK[path].encode() if path in PACK else None


def test_only_files_that_are_loaded_count() -> None:
    """Relative imports are followed, each file once; a stray script is nobody's business."""
    found = read_pack_imports(read, pack="Flux", entries=("__init__.py", "prestartup_script.py"))
    assert {use.module for use in found.uses if not use.optional} == {
        "numpy", "scipy", "in_package", "deep_one", "early",
    }  # fmt: skip
    assert {use.module for use in found.uses if use.optional} == {"maybe", "by_both"}
    assert [finding.file for finding in found.findings] == ["other.py"]
    assert found.files == 9


def test_a_file_met_as_optional_first_may_turn_out_needed() -> None:
    """What one file can do without, another may need: the stronger wish counts."""
    files = {
        "__init__.py": "try:\n    from . import a\nexcept ImportError:\n    pass\nfrom . import b\n",
        "a.py": "import x\n",
        "b.py": "from . import a\n",
    }
    found = read_pack_imports(lambda path: files[path].encode() if path in files else None, pack="p")
    assert [(use.module, use.optional) for use in found.uses] == [("x", False)]


@given(st.text(alphabet="import from.abc(),:\n\t#'\"tryxcp= ", max_size=200))
def test_no_text_breaks_the_reader(source: str) -> None:
    """Any text gives imports or a finding, never an exception."""
    read_imports(source, "x.py")
