"""The target for the readers of the Registry's answers; see `targets`."""

from __future__ import annotations

import json

from comfyui_safe_install.resolver.core.registry_answers import (
    parse_message,
    parse_nodes,
    parse_pack,
    parse_page,
    parse_states,
    parse_versions,
)
from comfyui_safe_install.resolver.core.registry_judgement import Here, judge, no_version
from comfyui_safe_install.resolver.core.registry_preview import dependency_lines, differing
from comfyui_safe_install.resolver.core.types import Gathered
from comfyui_safe_install.resolver.engine.registry_view import Detail, Found
from comfyui_safe_install.resolver.errors import SafeInstallError

_HERE = Here(system="Linux", accelerator="CUDA", comfyui="0.3.64", frontend="1.28")


def registry(raw: bytes) -> None:
    """Any answer; what is read of it can be judged, compared, shown and written."""
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return
    parse_message(value).encode()
    for read in (parse_states, parse_nodes):
        try:
            read(value)
        except SafeInstallError as error:
            assert error.code == "registry-answer-invalid"  # noqa: PT017 - both ways out are fine
    try:
        page = parse_page(value)
        packs = [parse_pack(value), *page.packs]
        versions = parse_versions([each.get("latest_version") for each in value.get("nodes", ())], pack="x")
    except SafeInstallError:
        return
    except AttributeError:
        return  # The `get` above, of this target's own.
    told = Found(page=page, age=1.0).to_dict()
    json.dumps(told, ensure_ascii=False).encode()
    for pack in packs:
        judged = tuple((version, judge(pack, version, _HERE, ("flagged",))) for version in versions)
        nightly = judge(pack, None, _HERE)
        shown = Detail(pack=pack, versions=judged, nightly=nightly, age=1.0).to_dict()
        json.dumps([shown, no_version(pack).to_dict()], ensure_ascii=False).encode()
    for version in versions:
        dependency_lines(version.dependencies)
        differing("x", version.dependencies, Gathered(pack="x"))
