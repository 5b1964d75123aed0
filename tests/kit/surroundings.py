"""What lies around an installation: nothing we do for an attacker may change it."""

from __future__ import annotations

from .installation import Answer, Installation, State, differences
from .trees import hash_tree


class Surroundings:
    """Things that belong to the user, in every folder above site-packages, and the environment as it was."""

    def __init__(self, here: Installation) -> None:
        """Put them there."""
        self._here = here
        self.mine = here.root / "mine"
        self.mine.mkdir()
        (self.mine / "letter.txt").write_text("dear\n")
        (self.mine / "folder").mkdir()
        (self.mine / "folder" / "photo.bin").write_bytes(b"photo")
        for folder in (here.comfy, here.venv.root, here.venv.site_packages.parent):
            (folder / "mine.txt").write_text("mine\n")
        self._environment: State = {}
        self._rest: State = {}
        self.remember()

    def remember(self) -> None:
        """From now on, this is how it was."""
        self._environment, self._rest = self._here.tree(), self._outside()

    def _outside(self) -> State:
        # Our state and hidden folders, uv's cache, what the test itself offers, and the environment looked at apart.
        ours = ("uv-cache", "dists", "sources", "user", ".safe-install", ".venv", "custom_nodes", "builds")
        return hash_tree(self._here.root, exclude=ours)

    def changed(self) -> list[str]:
        """What of it all is not as it was; the environment and the packs included."""
        return [*differences(self._environment, self._here.tree()), *self.changed_outside()]

    def changed_outside(self) -> list[str]:
        """What is not as it was outside of the environment and the packs."""
        return differences(self._rest, self._outside())

    def untouched(self, answer: Answer) -> str:
        """The code of the error that the command ended with: a proper one, and nothing has changed."""
        assert answer.code in (1, 2, 3, 5), answer
        assert answer.error not in ("", "internal-error"), answer
        assert self.changed() == []
        assert "Traceback" not in answer.words
        return answer.error
