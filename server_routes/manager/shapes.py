"""ComfyUI-Manager's own models of parameters (4.3, `data_models/generated_models.py`).

Strict where Manager is not: there an unknown channel makes the union of parameters fall through to a model whose
fields are all optional, the request is taken, and the worker dies of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..wire import Body, Name

Mode = Literal["remote", "local", "cache"]
Channel = Literal["default", "recent", "legacy", "forked", "dev", "tutorial"]
PackName = Annotated[str, Field(min_length=1, max_length=300)]
Address = Annotated[str, Field(max_length=2000)]


class InstallPackParams(Body):
    """`install`: a pack of the Registry, or of GitHub by `author/repository`."""

    id: PackName
    version: Name
    selected_version: Name
    mode: Mode
    channel: Channel
    repository: Address | None = None
    pip: Annotated[list[Name], Field(max_length=200)] | None = None
    """Not acted upon: the pack's own files say what it needs."""
    ui_id: Name | None = None
    skip_post_install: bool | None = None
    """Its install.py does not run, even where that was allowed. What it requires is still met."""


class NamedPackParams(Body):
    """`uninstall`, `disable`: Manager's id, or the folder's name where it knows none."""

    node_name: PackName
    is_unknown: bool | None = None


class InstalledPackParams(Body):
    """`fix`: `node_ver` is the version that is there."""

    node_name: PackName
    node_ver: Name | None = None


class UpdatePackParams(InstalledPackParams):
    """`update`: `node_ver` is the version that is there, not the one that is wanted."""

    version: Name | None = None
    """Ours: the version or commit that is wanted; left out, the newest."""


class EnablePackParams(Body):
    """`enable`: the newest of its disabled versions."""

    cnr_id: PackName


class Row(BaseModel):
    """A row of the legacy window's table, as its batch sends it.

    Such a row carries everything the table shows; what is read of it is what Manager reads of it, no more.
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    version: Name
    id: PackName | None = None
    selected_version: Name | None = None
    files: Annotated[list[Address], Field(max_length=50)] = []
    repository: Address | None = None
    install_type: Name | None = None
    ui_id: Name | None = None
    skip_post_install: bool | None = None


class InstallRow(Row):
    """A row that is to be installed."""

    mode: Mode
    channel: Address
    """A name of Manager's, or the address of a list: that it knows the pack; not where it comes from."""
