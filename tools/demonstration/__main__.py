"""`tools/demo`: a workspace to click in, or with --tour a scripted run that ends by itself."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

from .serving import serve
from .tour import tour
from .workspace import make_workspace


def main() -> int:
    """Make the workspace, show, remove it; 0 when all went as it should."""
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__)
    parser.add_argument("--tour", action="store_true", help="run through everything once, and end")
    parser.add_argument("--keep", action="store_true", help="leave the workspace behind and say where it is")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="of the page; a free one by default")
    given = parser.parse_args()
    # A shell that starts us in the background has Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _stop)
    folder = Path(tempfile.mkdtemp(prefix="safe-install-demo-"))
    try:
        workspace = make_workspace(folder)
        return tour(workspace) if given.tour else serve(workspace, given.port)
    except KeyboardInterrupt:
        return 0 if not given.tour else 130
    except subprocess.CalledProcessError as error:
        print(
            f"\nThe demo stops: `{' '.join(error.cmd)}` failed, see above. It needs the package index.",
            file=sys.stderr,
        )
        return 1
    finally:
        if given.keep:
            print(f"\nThe workspace is left in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
