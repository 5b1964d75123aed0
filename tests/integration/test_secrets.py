"""Credentials work, and are never written, printed, or shown on a command line."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.installation import Answer, Installation
from comfyui_safe_install.tests.kit.private_servers import PrivateIndex, make_repository, private_git
from comfyui_safe_install.tests.kit.spying import CommandLines, files_below, leaks
from comfyui_safe_install.tests.kit.venvs import install
from comfyui_safe_install.tests.kit.wheels import make_wheel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="command lines are read from /proc")

_SPELL = {
    name: f"s3cr3t-{name}@/:+{number:02d}-xyzzy"
    for number, name in enumerate(
        ("index", "other", "direct", "clone", "dependency", "netrc", "pip", "named")
    )
}
_PLAIN = {
    name: f"s3cr3t{name}QUUXquux{number:02d}"
    for number, name in enumerate(
        ("query", "github", "hugging", "amazon", "remote", "installed", "signature")
    )
}
SECRETS = {**_SPELL, **_PLAIN}

_BUILD = """\
import base64, hashlib, os, zipfile
NAME = "{name}-1.0-py3-none-any.whl"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    with open({log!r}, "a") as log:
        log.write("".join(f"{{key}}={{value}}\\n" for key, value in os.environ.items()))
    files = {{
        "{name}.py": b"",
        "{name}-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n",
        "{name}-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    record = "".join(
        f"{{path}},sha256={{base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()}},"
        f"{{len(data)}}\\n" for path, data in files.items()
    )
    files["{name}-1.0.dist-info/RECORD"] = (record + "{name}-1.0.dist-info/RECORD,,\\n").encode()
    with zipfile.ZipFile(os.path.join(folder, NAME), "w") as wheel:
        for path, data in files.items():
            wheel.writestr(path, data)
    return NAME
"""


class Scene:
    """An installation that needs credentials for nearly everything, and all that was said and seen."""

    def __init__(self, here: Installation, commands: CommandLines) -> None:
        self.here = here
        self.commands = commands
        self.said: list[tuple[str, bytes]] = []

    def run(self, *arguments: str, code: int | None = 0) -> Answer:
        """One command in all its manners of speaking, if it only looks; else once."""
        answer = self.here.run("--verbose", *arguments)
        self.note(" ".join(arguments), json.dumps(answer.document), answer.words)
        assert code is None or answer.code == code, answer
        return answer

    def note(self, place: str, *texts: str) -> None:
        """Keep what was said."""
        self.said += [(f"what {place[:60]} says", text.encode()) for text in texts]


@pytest.mark.slow
def test_credentials_work_and_reach_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole life of an installation, with secrets in every place where people put them."""
    folders = {name: tmp_path / name for name in ("dists", "others", "git", "home", "tmp")}
    for folder in folders.values():
        folder.mkdir()
    commands = CommandLines()
    with (
        PrivateIndex(folders["dists"], "us er", SECRETS["index"]) as index,
        PrivateIndex(folders["others"], "other", SECRETS["other"]) as other,
        private_git(folders["git"], "oauth2", SECRETS["clone"]) as git,
        private_git(folders["git"], "dep", SECRETS["dependency"]) as dependencies,
    ):
        _plant_in_environment(monkeypatch, folders, index)
        here = Installation(root=tmp_path, dists=folders["dists"])
        scene = Scene(here, commands)
        with commands.watched():
            _live(scene, index, other, git, dependencies)
        assert index.requests["/simple/public-demo/"]
    assert len(commands.seen) > 20
    lines = [
        ("a command line", line)
        for line in commands.seen
        # What the user types is the user's; the tests' own copy of pytest or of the command is no child.
        if b"kill_after.py" not in line
    ]
    ours = (here.state, here.area, here.comfy / ".safe-install", folders["tmp"])
    # Payloads hold what others wrote, byte for byte: a pack's .git/config with the address it was cloned from.
    kept = [each for each in files_below(*ours) if "/tree/" not in each[0]]
    exported = list(files_below(tmp_path / "exported"))
    assert kept
    assert exported
    assert leaks(SECRETS, [*scene.said, *lines, *kept, *exported]) == []
    metadata = files_below(here.venv.site_packages)
    names_of_ours = [place for place, content in metadata if b"SAFE_INSTALL_SECRET" in content]
    assert names_of_ours == []
    built = (tmp_path / "build.log").read_bytes()
    trusted = ("index", "netrc", "pip", "named", "other", "direct", "dependency", "query", "signature")
    hidden = {name: secret for name, secret in SECRETS.items() if name not in trusted}
    assert leaks(hidden, [("a build's environment", built)]) == []
    scripted = (here.packs / "scripted" / "environment.txt").read_bytes()
    assert leaks(hidden, [("install.py's environment", scripted)]) == []
    assert b"UV_DEFAULT_INDEX" in scripted
    tried = (tmp_path / "trial.log").read_bytes()
    assert leaks(SECRETS, [("a trial's environment", tried)]) == []


def _plant_in_environment(
    monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path], index: PrivateIndex
) -> None:
    home = folders["home"]
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "UV_DEFAULT_INDEX": index.with_access(index.url),
        "UV_INDEX_HOUSE_PASSWORD": SECRETS["named"],
        "PIP_INDEX_URL": f"https://pip:{SECRETS['pip']}@example.invalid/simple",
        "GITHUB_TOKEN": SECRETS["github"],
        "HF_TOKEN": SECRETS["hugging"],
        "AWS_SECRET_ACCESS_KEY": SECRETS["amazon"],
        "NETRC": str(home / ".netrc"),
        "UV_CACHE_DIR": str(folders["home"] / "uv-cache"),
        "UV_HTTP_RETRIES": "0",
        "TMPDIR": str(folders["tmp"]),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)
    (home / ".netrc").write_text(f"machine example.invalid login me password {SECRETS['netrc']}\n")
    (home / ".netrc").chmod(0o600)


def _live(scene: Scene, index: PrivateIndex, other: PrivateIndex, git: str, dependencies: str) -> None:
    here, root = scene.here, scene.here.root
    _furnish(here, other)
    log = root / "trial.log"
    snoop = f"import os\nopen({str(log)!r}, 'a').write(repr(dict(os.environ)))\n"
    here.wheel("public-demo", "1.0", files={"public_demo/__init__.py": snoop})
    here.wheel("public-demo", "2.0", files={"public_demo/__init__.py": snoop})
    signed = f"{other.file_url(root / 'others' / 'direct-1.0-py3-none-any.whl')}?X-Amz-Signature={SECRETS['signature']}"
    repository = (
        f"git+{dependencies.replace('http://', 'http://dep:' + _quoted('dependency') + '@')}/gitdep.git"
    )
    clone = f"git+{git.replace('http://', 'http://oauth2:' + _quoted('clone') + '@')}/cloned.git"
    granted = here.source(
        "granted", f"--extra-index-url {other.with_access(other.url)}", "private-demo", "public-demo==1.0"
    )
    direct = here.source("direct", f"direct @ {other.with_access(signed)}")
    query = here.source("query", f"query @ {other.with_access(other.url.replace('/simple/', '/files/'))}"
                        f"query-1.0-py3-none-any.whl?token={SECRETS['query']}")  # fmt: skip
    building = here.source("building", f"gitdep @ {repository}")
    scripted = here.source(
        "scripted",
        files={"install.py": "import os\nopen('environment.txt', 'w').write(repr(dict(os.environ)))\n"},
    )
    for source in (direct, building, clone):
        scene.run("plan", source)
    for source in (granted, direct, query, building, scripted, clone):
        assert scene.run("install", source, "--yes", "--allow", "all").applied
    assert {"private-demo", "public-demo", "direct", "query", "gitdep"} <= here.versions().keys()
    assert "://" in (here.packs / "cloned" / ".git" / "config").read_text()
    assert leaks(SECRETS, files_below(here.packs / "cloned")) == []
    for command in (
        ["verify"], ["why", "direct"], ["why", "private-demo"], ["lock", "--allow", "all"], ["snapshot", "list"],
        ["snapshot", "create", "--label", "good"], ["snapshot", "show", "good"], ["history"], ["disk"],
        ["sync", "--yes", "--allow", "all"],
    ):  # fmt: skip
        scene.run(*command, code=None)
    (root / "exported").mkdir()
    scene.run("snapshot", "export", "good", str(root / "exported" / "good.json"))
    _fail(scene, index, other, git)
    _crash(scene, here.source("update", "public-demo==2.0"))
    scene.run("rollback", "good", "--yes", code=None)
    scene.run("uninstall", "direct", "--yes")
    scene.run("rollback", "--yes")
    for words in (
        ["snapshot", "list"],
        ["history"],
        ["plan", granted],
        ["install", granted],
        ["why", "gitdep"],
    ):
        process = here.start(*words, "--verbose", "--no-color")
        out, err = process.communicate(timeout=120)
        scene.note(" ".join(words), out, err)


def _furnish(here: Installation, other: PrivateIndex) -> None:
    """What is there already: things somebody installed with credentials, and repositories."""
    make_wheel(other.folder, "private-demo", "1.0")
    make_wheel(other.folder, "direct", "1.0")
    make_wheel(other.folder, "query", "1.0")
    origin = {"url": f"https://x:{SECRETS['installed']}@example.invalid/old-1.0.zip", "archive_info": {}}
    install(here.venv, make_wheel(here.root / "builds", "old", "1.0"))
    metadata = here.venv.site_packages / "old-1.0.dist-info"
    (metadata / "direct_url.json").write_text(json.dumps(origin))
    with (metadata / "RECORD").open("a") as record:
        record.write("old-1.0.dist-info/direct_url.json,,\n")
    old = here.packs / "by-hand"
    (old / ".git" / "refs").mkdir(parents=True)
    (old / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    (old / ".git" / "HEAD").write_text("a" * 40 + "\n")
    (old / ".git" / "config").write_text(
        f'[remote "origin"]\n\turl = https://{SECRETS["remote"]}@example.invalid/by-hand.git\n'
    )
    sources = here.root / "repositories"
    for name, files in {
        "cloned": {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n", "requirements.txt": "public-demo\n"},
        "gitdep": {
            "pyproject.toml": '[project]\nname = "gitdep"\nversion = "1.0"\n'
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
            "backend.py": _BUILD.format(name="gitdep", log=str(here.root / "build.log")),
        },
    }.items():
        for path, content in files.items():
            (sources / name).mkdir(parents=True, exist_ok=True)
            (sources / name / path).write_text(content)
        make_repository(here.root / "git", sources / name)


def _fail(scene: Scene, index: PrivateIndex, other: PrivateIndex, git: str) -> None:
    """What goes wrong says why, and no more."""
    here = scene.here
    scene.run("install", here.source("lost", "no-such-thing==9"), "--yes", code=1)
    wrong = other.url.replace("http://", f"http://other:{_quoted('clone')}@")
    scene.run(
        "plan",
        here.source("wrong", f"--extra-index-url {wrong}", "private-demo"),
        "--allow",
        "all",
        code=None,
    )
    scene.run(
        "plan", here.source("gone", f"gone @ {wrong}gone-1.0-py3-none-any.whl"), "--allow", "all", code=None
    )
    for place in (f"{git}/no-such.git", "http://127.0.0.1:9/x.git"):
        address = place.replace("http://", f"http://oauth2:{_quoted('clone')}@")
        scene.run("install", f"git+{address}", "--yes", code=1)
    scene.run("install", f"https://user:{_quoted('clone')}@example.invalid/x.zip", "--yes", code=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_DEFAULT_INDEX", index.url.replace("http://", f"http://u:{_quoted('named')}@"))
        scene.run("install", here.source("shut", "never-seen"), "--yes", "--refresh", code=None)
        scene.run("lock", "--refresh", code=None)


def _crash(scene: Scene, source: str) -> None:
    """A kill while files are moved, and one while they are fetched; what is left then, and recovery."""
    here = scene.here
    for line in ("applying", "2"):
        process = here.start("install", source, "--yes", "--verbose", kill_after=line)
        out, err = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, (out, err)
        scene.note("a killed install", out, err)
        scene.run("install", source, "--yes", code=5)
        scene.run("recover")
    scene.run("install", source, "--yes")


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(SECRETS[name], safe="")
