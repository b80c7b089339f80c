"""The command `python -m codexd.scripted`: run the scripted model standalone."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import react

from codexd.scripted.server import build_site


def main(argv: Sequence[str] | None = None) -> int:
    """Listen, print the base URL on one line, and serve until SIGINT or SIGTERM.

    Args:
        argv: the arguments; None for those of the process.

    Returns:
        The exit status: 0 after a signal, 1 if it cannot listen on the address.
    """
    options = _parser().parse_args(argv)
    try:
        react(_serve, (options.listen, options.port))
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m codexd.scripted",
        description="A deterministic model provider: the last user message determines the answer.",
    )
    parser.add_argument(
        "--listen", metavar="HOST", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    return parser


def _serve(reactor: Any, host: str, port: int) -> Deferred[None]:
    try:
        listening = reactor.listenTCP(port, build_site(reactor), interface=host)
    except CannotListenError as error:
        print(f"cannot listen on {host} port {port}: {error.socketError}", file=sys.stderr)
        raise SystemExit(1) from None
    name = f"[{host}]" if ":" in host else host
    print(f"http://{name}:{listening.getHost().port}/v1", flush=True)
    return Deferred()
