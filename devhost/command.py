"""The command: reads its options, goes to the right interpreter, and starts there in ComfyUI's order."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Sequence
from types import FrameType

from . import imports, interpreter, logs
from .options import Options, parse


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 then. Raises SystemExit for bad options, and with what a pack gave it."""
    options = parse(arguments)
    interpreter.run_in(options.python, options.as_arguments())
    interpreter.add_libraries()
    # A shell that starts us in the background has Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _stop)
    logs.set_up(options.verbose)
    imports.make_importable(options.base)
    try:
        _serve(options)
    except KeyboardInterrupt:
        logging.info("\nStopped server")
    return 0


def _serve(options: Options) -> None:
    from . import packs

    packs.lay_out(options.base)
    os.chdir(options.base)
    from . import startup

    startup.start(options)


def _stop(number: int, frame: FrameType | None) -> None:
    """The first SIGTERM ends us in good order, a second one at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise KeyboardInterrupt
