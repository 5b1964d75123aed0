"""Listening, and coming to an end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from dataclasses import replace
from typing import Any

from aiohttp import web

from . import interpreter
from .options import ALL_ADDRESSES, Options, fail
from .stand_in.comfy.cli_args import args


async def run(server: Any, options: Options) -> None:
    """Listen, say so, and send events until cancelled. Raises SystemExit when the port is taken."""
    runner = web.AppRunner(server.app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        port = await _listen(runner, options)
        server.address, server.port = options.listen.split(",")[0], port
        _remember_port(options, port)
        scheme = "https" if options.tls_certfile else "http"
        shown = "127.0.0.1" if server.address in (ALL_ADDRESSES, "::") else server.address
        shown = f"[{shown}]" if ":" in shown else shown
        logging.info("To see the GUI go to: %s://%s:%s", scheme, shown, port)
        # The one line on the true stdout: `print` itself goes to the log by now.
        print(f"listening on {scheme}://{shown}:{port}", file=sys.__stdout__, flush=True)
        await server.publish_loop()
    finally:
        with contextlib.suppress(Exception):
            await server.close_sockets()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, options: Options) -> int:
    """Open every address at the same port, and return it. Raises SystemExit when it is taken."""
    port = options.port
    for address in options.listen.split(","):
        site = web.TCPSite(runner, address.strip(), port, ssl_context=_tls(options))
        try:
            await site.start()
        except OSError as error:
            raise fail(f"cannot listen on {address} port {port}: {error.strerror or error}.") from error
        if port == 0:
            port = int(runner.addresses[0][1])
    return port


def _tls(options: Options) -> Any:
    if options.tls_certfile is None or options.tls_keyfile is None:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_certfile, options.tls_keyfile)
    return context


def _remember_port(options: Options, port: int) -> None:
    """Let a restart (`os.execv` of `sys.argv`) come back at this port, without the bad packs being made again."""
    again = replace(options, port=port, fail_pack=(), crash_pack=(), python=None)
    interpreter.run_in(None, again.as_arguments())
    args.port = port


def end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what packs left on the loop."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(KeyboardInterrupt):
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()
