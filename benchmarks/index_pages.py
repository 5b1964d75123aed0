"""How fresh a tool takes the index's pages to be: the same for all, or as each does it by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .processes import run
from .workshop import BenchError, Workshop

FRESH = 'api = "max-age=600", files = "max-age=365000000, immutable"'
"""What the public index says in its headers. A mirror may say nothing; then uv asks again at every solve."""


def fresh_pages(workshop: Workshop, variables: Mapping[str, str]) -> dict[str, str]:
    """Variables with which every uv takes pages of the last ten minutes as fresh, whatever the index says.

    So planning is compared, not the mirror. Raises BenchError.
    """
    (workshop.folder() / "empty.in").touch()
    command = [
        workshop.uv,
        "pip",
        "compile",
        "empty.in",
        "--emit-index-url",
        "--no-header",
        "--offline",
        "--quiet",
    ]
    asked = run(command, cwd=workshop.folder(), variables=variables)
    if not asked.ok:
        raise BenchError(f"uv does not say which index it asks: {asked.complaint}")
    lines = []
    for kind, url in re.findall(r"^--(index-url|extra-index-url) (\S+)$", asked.stdout, re.MULTILINE):
        default = "default = true\n" if kind == "index-url" else ""
        lines.append(f'[[index]]\nurl = "{url}"\n{default}cache-control = {{ {FRESH} }}\n')
    settings = workshop.folder() / "uv.toml"
    settings.write_text("\n".join(lines), encoding="utf-8")
    # An index in a variable would come before the one in the file, which says how fresh its pages are.
    cleared = dict.fromkeys(("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"), "")
    return {**variables, **cleared, "UV_CONFIG_FILE": str(settings)}
