"""Laws of the swap, on small environments of every shape that a few names can make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from comfyui_safe_install.resolver.core.layout import Layout
from comfyui_safe_install.resolver.core.ownership import Folder, Holding, RecordedFile
from comfyui_safe_install.resolver.core.swap import plan_swap
from comfyui_safe_install.resolver.core.swap_types import Arrival, Swap
from comfyui_safe_install.resolver.core.types import Distribution

PREFIX = "/env"
LIVE = Layout(
    purelib="/env/lib/site", platlib="/env/lib/site", scripts="/env/bin", headers="/env/include", data="/env"
)
STAGE = Layout(
    purelib="/stage/lib/site",
    platlib="/stage/lib64/site",
    scripts="/stage/bin",
    headers="/stage/inc",
    data="/stage",
)

FILES = [
    "site/a/__init__.py", "site/a/x.py", "site/a/sub/y.py", "site/b/x.py", "site/ns/one/x.py",
    "site/ns/two/x.py", "site/ns/flat.py", "site/single.py", "site/a/sub/deep/z.py", "bin/tool",
    "share/doc/t.txt", "lib/odd.txt",
]  # fmt: skip
NAMES = ["one", "two", "three"]


class Disk:
    """A file system in memory: paths to contents, None for a folder."""

    def __init__(self) -> None:
        self.entries: dict[str, str | None] = {"/": None}

    def write(self, path: str, content: str) -> None:
        """Have a file, with all folders above."""
        self.make_all(path.rpartition("/")[0])
        self.entries[path] = content

    def make_all(self, path: str) -> None:
        """Have a folder, with all folders above."""
        while path:
            self.entries.setdefault(path, None)
            path = path.rpartition("/")[0]

    def make(self, path: str) -> None:
        """Make a folder as the system call does."""
        assert path not in self.entries, path
        assert self.entries.get(path.rpartition("/")[0] or "/", "") is None, path
        self.entries[path] = None

    def remove(self, path: str) -> None:
        """Remove a folder as the system call does."""
        assert not any(each.startswith(f"{path}/") for each in self.entries), path
        assert self.entries.pop(path) is None

    def move(self, source: str, target: str) -> None:
        """Rename as the system call does, never onto something."""
        assert source in self.entries, source
        assert target not in self.entries, target
        assert self.entries.get(target.rpartition("/")[0] or "/", "") is None, target
        for path in [each for each in self.entries if each == source or each.startswith(f"{source}/")]:
            self.entries[target + path[len(source) :]] = self.entries.pop(path)

    def below(self, root: str) -> dict[str, str | None]:
        """What is below a folder."""
        return {path: content for path, content in self.entries.items() if path.startswith(f"{root}/")}

    def tree(self) -> dict[str, Folder]:
        """The listing that the planner takes."""
        folders: dict[str, list[str]] = {
            path: [] for path, content in self.entries.items() if content is None
        }
        files: dict[str, list[str]] = {path: [] for path in folders}
        for path, content in self.entries.items():
            parent, _, name = path.rpartition("/")
            if path != "/":
                (folders if content is None else files)[parent or "/"].append(name)
        return {path: Folder(0o755, tuple(folders[path]), tuple(files[path])) for path in folders}


@dataclass
class World:
    """One generated environment, with what is to leave and to come."""

    disk: Disk
    holdings: list[Holding]
    leaving: set[str]
    arrivals: list[Arrival]
    unowned: list[str]
    whole_folders: bool

    def plan(self) -> Swap:
        """The swap asked for."""
        return plan_swap(
            layout=LIVE,
            live={path: each for path, each in self.disk.tree().items() if path.startswith(PREFIX)},
            holdings=self.holdings,
            leaving=self.leaving,
            arrivals=self.arrivals,
            whole_folders=self.whole_folders,
        )


def live_path(name: str) -> str:
    """`site/...` in the environment."""
    return f"/env/lib/{name}" if name.startswith("site/") else f"/env/{name}"


def holding_of(name: str, version: str, files: dict[str, str]) -> Holding:
    """A distribution that owns these live paths with these contents."""
    metadata = f"{LIVE.purelib}/{name}-{version}.dist-info"
    recorded = [RecordedFile(path=path, algorithm="x", digest=content) for path, content in files.items()]
    recorded += [RecordedFile(path=f"{metadata}/RECORD")]
    distribution = Distribution(
        name=name,
        version=version,
        site=LIVE.purelib,
        metadata_dir=metadata.rpartition("/")[2],
        record_digest=f"{name}{version}",
    )
    return Holding(distribution=distribution, files=tuple(recorded), metadata_path=metadata)


def bytecode_of(path: str) -> str:
    """Where the bytecode of a source lies."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.cpython-311.pyc"


OWNERS = st.sampled_from(
    [
        (),
        (),
        ("one",),
        ("one",),
        ("two",),
        ("two",),
        ("three",),
        ("one", "two"),
        ("one", "two", "three"),
        ("nobody",),
    ]
)


def draw_owned(draw: st.DrawFn, names: list[str], mark: str) -> tuple[dict[str, dict[str, str]], list[str]]:
    """{distribution: {file: content}} and the files nobody owns. Owners of one file agree or do not."""
    owned: dict[str, dict[str, str]] = {name: {} for name in names}
    nobody = []
    for file in FILES:
        owners = draw(OWNERS)
        agree = draw(st.booleans())
        for owner in owners:
            if owner == "nobody":
                nobody.append(file)
            elif owner in owned:
                owned[owner][file] = "same" if agree else f"{owner}{mark}"
    return owned, nobody


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """An environment with up to three distributions, files nobody owns, bytecode and empty folders."""
    disk = Disk()
    for root in (LIVE.purelib, LIVE.scripts, "/env/lib", STAGE.purelib, STAGE.platlib):
        disk.make_all(root)
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    owned, nobody = draw_owned(draw, names, "")
    holdings = [
        holding_of(name, "1", {live_path(file): content for file, content in owned[name].items()})
        for name in names
    ]
    unowned = [live_path(file) for file in nobody]
    unowned += draw(st.sampled_from([[], ["/env/lib/site/a/weights.bin"], ["/env/lib/site/ns/mine.txt"]]))
    for holding in holdings:
        for file in holding.files:
            disk.write(file.path, file.digest or holding.distribution.name)  # the last one wins, as on a disk
    for path in unowned:
        disk.write(path, "mine")
    if draw(st.booleans()):
        for path in [each for each in disk.entries if each.endswith(".py")]:
            disk.write(bytecode_of(path), f"bytecode of {disk.entries[path]}")
    if draw(st.booleans()):
        disk.write("/env/lib/site/a/__pycache__/stale.cpython-311.pyc", "stale")
        disk.make_all("/env/lib/site/a/empty")
    leaving = {each.metadata_path for each in holdings if draw(st.integers(0, 3))}
    arrivals = draw_arrivals(draw, disk)
    return World(
        disk=disk,
        holdings=holdings,
        leaving=leaving,
        arrivals=arrivals,
        unowned=unowned,
        whole_folders=draw(st.booleans()),
    )


def draw_arrivals(draw: st.DrawFn, disk: Disk) -> list[Arrival]:
    """A stage with up to three distributions, each in one of its two libraries."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    owned, _ = draw_owned(draw, names, "-new")
    coming = []
    for name in names:
        library = draw(st.sampled_from([STAGE.purelib, STAGE.platlib]))
        holding = holding_of(name, "2", {live_path(file): content for file, content in owned[name].items()})
        coming.append(holding)
        for file, content in owned[name].items():
            disk.write(f"{library}/{file[5:]}" if file.startswith("site/") else f"/stage/{file}", content)
        disk.write(f"{library}/{name}-2.dist-info/RECORD", name)
        if draw(st.booleans()):  # a file that some tools do not record
            disk.write(f"{library}/{name}-2.dist-info/REQUESTED", "")
    disk.write("/stage/.lock", "")
    if draw(st.booleans()):  # what an installer may leave behind in its stage
        disk.write(f"{STAGE.purelib}/a/sub/stray.txt", "stray")
    stage = {path: each for path, each in disk.tree().items() if path.startswith("/stage")}
    return [Arrival(layout=STAGE, tree=stage, holdings=tuple(coming))] if coming else []


def law(test: Callable[[World], None]) -> Callable[[], None]:
    """Hold the test to a few hundred worlds."""
    return settings(max_examples=200, deadline=None)(given(worlds())(test))


def carry_out(disk: Disk, swap: Swap, payload: str = "/payload") -> list[tuple[str, str, str]]:
    """Do every step; what was done."""
    done: list[tuple[str, str, str]] = []
    for out in swap.outgoing:
        target = f"{payload}/{out.unit}/{out.payload_path}"
        disk.make_all(target.rpartition("/")[0])
        disk.move(out.live_path, target)
        done.append(("move", out.live_path, target))
    for each in swap.removed:
        disk.remove(each.path)
        done.append(("remove", each.path, ""))
    for each in swap.made:
        disk.make(each.path)
        done.append(("make", each.path, ""))
    for incoming in swap.incoming:
        disk.move(incoming.stage_path, incoming.live_path)
        done.append(("move", incoming.stage_path, incoming.live_path))
    return done


@law
def test_every_step_can_be_done_and_taken_back(world: World) -> None:
    """Forward and back is the identity, clashes or not; no step finds its place taken."""
    before = dict(world.disk.entries)
    for act, first, second in reversed(carry_out(world.disk, world.plan())):
        if act == "move":
            world.disk.move(second, first)
        elif act == "remove":
            world.disk.make(first)
        else:
            world.disk.remove(first)
    after = world.disk.below(PREFIX)
    assert after == {path: content for path, content in before.items() if path.startswith(f"{PREFIX}/")}


def staying_of(world: World) -> list[Holding]:
    """The distributions that do not leave."""
    return [each for each in world.holdings if each.metadata_path not in world.leaving]


def coming_of(world: World) -> list[Holding]:
    """The distributions that arrive."""
    return [each for arrival in world.arrivals for each in arrival.holdings]


@law
def test_what_stays_is_untouched(world: World) -> None:
    """No file of a distribution that stays, none that nobody owns, and no bytecode of theirs is moved."""
    paths = {file.path for each in staying_of(world) for file in each.files} | set(world.unowned)
    paths |= {bytecode_of(path) for path in paths} & world.disk.entries.keys()
    before = {path: world.disk.entries[path] for path in paths}
    carry_out(world.disk, world.plan())
    assert {path: world.disk.entries.get(path) for path in before} == before


@law
def test_what_leaves_is_gone_and_what_comes_is_there(world: World) -> None:
    """Without clashes the environment has the files of what stays, of what came, and nobody's; no others."""
    swap = world.plan()
    if swap.clashes or swap.divided:
        return
    staying, coming = staying_of(world), coming_of(world)
    stage = [path for path in world.disk.entries if path.endswith("/REQUESTED")]
    unrecorded = {LIVE.place(STAGE.label(path)) for path in stage}
    carry_out(world.disk, swap)
    expected = {file.path for each in (*staying, *coming) for file in each.files} | set(world.unowned)
    expected |= unrecorded
    found = {
        path
        for path, content in world.disk.below(PREFIX).items()
        if content is not None and not path.endswith(".pyc")
    }
    assert found == expected
    for holding in coming:
        for file in holding.files:
            others = {
                each.digest for one in (*staying, *coming) for each in one.files if each.path == file.path
            }
            assert world.disk.entries[file.path] in (others if file.digest else {holding.distribution.name})


@law
def test_clashes_and_divisions_are_named_and_no_others(world: World) -> None:
    """Clashes lie where another content would come, divisions where owners on both sides disagree."""
    swap = world.plan()
    standing: dict[str, set[str]] = {path: {""} for path in world.unowned}
    for each in staying_of(world):
        for file in each.files:
            standing.setdefault(file.path, set()).add(file.digest)
    coming = {file.path: file.digest for each in coming_of(world) for file in each.files}
    wrong = {path for path, digest in coming.items() if path in standing and digest not in standing[path]}
    if len(coming_of(world)) == 1:  # several may clash with each other as well
        assert {each.path for each in swap.clashes} == wrong
    owners: dict[str, dict[str, str]] = {}
    for each in world.holdings:
        for file in each.files:
            owners.setdefault(file.path, {})[each.metadata_path] = file.digest
    assert {each.path for each in swap.divided} == {
        path
        for path, digests in owners.items()
        if len(set(digests.values())) > 1 and 0 < len(digests.keys() & world.leaving) < len(digests)
    }


@law
def test_each_unit_takes_its_own_and_metadata_is_in_order(world: World) -> None:
    """A payload holds files of its members only; metadata leaves first and comes last."""
    swap = world.plan()
    owned: dict[str, set[str]] = {}
    for unit in swap.units:
        files = {f.path for each in world.holdings if each.metadata_path in unit.members for f in each.files}
        owned[unit.id] = files | {bytecode_of(path) for path in files}
    everything = {file.path for each in world.holdings for file in each.files}
    entries = world.disk.entries
    for out in swap.outgoing:
        inside = [path for path in entries if path == out.live_path or path.startswith(f"{out.live_path}/")]
        assert not {path for path in inside if path in everything} - owned[out.unit]
    first = [out.live_path.endswith(".dist-info") for out in swap.outgoing]
    last = [".dist-info" in each.live_path for each in swap.incoming]
    assert first == sorted(first, reverse=True)
    assert last == sorted(last)


@law
def test_folders_of_the_environment_stay(world: World) -> None:
    """Its own folders are never moved or removed, and bytecode folders go only with their parents."""
    swap = world.plan()
    own = LIVE.protected
    assert not {out.live_path for out in swap.outgoing} & own
    assert not {each.path for each in swap.removed} & own
    assert not [out for out in swap.outgoing if out.live_path.endswith("/__pycache__")]
    removed = {each.path for each in swap.removed}
    for path in removed:
        folder, _, name = path.rpartition("/")
        assert name != "__pycache__" or folder in removed


@law
def test_no_empty_folder_is_left_behind(world: World) -> None:
    """A folder that the leaving emptied is removed; bytecode folders may stay in one that stays."""
    before = {path for path, content in world.disk.entries.items() if content is None}
    empty_before = {path for path in before if not world.disk.below(path)}
    carry_out(world.disk, world.plan())
    for path, content in world.disk.below(PREFIX).items():
        if content is None and not world.disk.below(path) and path not in LIVE.protected | empty_before:
            assert path.endswith("/__pycache__")
            assert path in before


@law
def test_no_two_moves_could_be_one(world: World) -> None:
    """A folder whose whole content moves to one place is one move, out as well as in."""
    world.whole_folders = True
    swap = world.plan()
    out = {each.live_path: each.unit for each in swap.outgoing}
    come = {each.stage_path: "in" for each in swap.incoming if not world.disk.entries.get(each.live_path)}
    tree = world.disk.tree()
    for moved, own in ((out, LIVE.protected), (come, STAGE.protected)):
        for folder in {path.rpartition("/")[0] for path in moved}:
            if folder in own or folder.endswith("/__pycache__"):
                continue
            content = tree[folder]
            names = [f"{folder}/{name}" for name in (*content.files, *content.folders)]
            if moved is come:
                # A folder that is there already, or that both libraries of the stage bring, is filled up.
                labelled = STAGE.label(folder).partition("/")[2]
                twice = f"{STAGE.purelib}/{labelled}" in tree and f"{STAGE.platlib}/{labelled}" in tree
                if twice or LIVE.place(STAGE.label(folder)) in tree:
                    continue
            assert len({moved.get(name, "stays") for name in names}) > 1, folder


@law
def test_payloads_bring_back_exactly_what_was(world: World) -> None:
    """A second swap, planned anew from the payloads, restores every file with its bytecode."""
    first = world.plan()
    if first.clashes or first.divided:
        return
    before = files_of(world.disk)
    for shared in first.shared:
        world.disk.write(
            f"/payload/{shared.unit}/{shared.payload_path}", world.disk.entries[shared.live_path] or ""
        )
    carry_out(world.disk, first)
    kept = {file.path for each in staying_of(world) for file in each.files}
    for each in coming_of(world):
        for file in each.files:
            if file.path.endswith(".py") and file.path not in kept:
                world.disk.write(bytecode_of(file.path), f"bytecode of {file.digest}")
    tree = world.disk.tree()
    payloads = []
    for unit in first.units:
        root = f"/payload/{unit.id}"
        payloads.append(
            Arrival(
                layout=Layout.labelled(root),
                tree={path: each for path, each in tree.items() if path.startswith(root)},
                holdings=tuple(each for each in world.holdings if each.metadata_path in unit.members),
                everything=True,
            )
        )
    back = World(
        disk=world.disk,
        holdings=[*staying_of(world), *coming_of(world)],
        leaving={each.metadata_path for each in coming_of(world)},
        arrivals=payloads,
        unowned=world.unowned,
        whole_folders=world.whole_folders,
    ).plan()
    assert back.clashes == ()
    if back.divided:
        return  # what came disagrees with what stayed
    carry_out(world.disk, back, "/payload2")
    assert files_of(world.disk) == before


def files_of(disk: Disk) -> dict[str, str | None]:
    """Every file of the environment, but bytecode without a source, which may go along with anything."""
    return {path: each for path, each in disk.below(PREFIX).items() if each is not None and each != "stale"}
