"""A child that answers at once, by the script of its input: what a request then costs is codexd's own.

`bench/instant-codex` runs it in place of the Codex binary. It is the tests' fake app-server on real pipes; a
short turn costs it about 0.1 ms of CPU, a delta about 1 us.
"""

import os
import sys
from collections import deque

from codexd.wire import json
from codexd.wire.jsonl import LineSplitter
from tests.support.appserver import FakeAppServer, Offered

MODELS = ("gpt-5.5", "scripted")
CATALOG = json.encode({"models": [{"slug": model} for model in MODELS]})

_READ_BYTES = 2**18


def main(arguments: list[str]) -> int:
    """Print the model catalog, or be an app-server until stdin is closed."""
    if arguments[:2] == ["debug", "models"]:
        write(CATALOG)
    else:
        serve()
    return 0


def serve() -> None:
    """Answer lines until there are no more."""
    server, lines = FakeAppServer(), LineSplitter()
    server.offers = tuple(Offered(model) for model in MODELS)
    server.calls, server.bodies = deque(maxlen=0), deque(maxlen=0)
    while data := os.read(0, _READ_BYTES):
        write(b"".join(answer for line in lines.receive(data) for answer in server.receive(line)))


def write(data: bytes) -> None:
    """Write all of it, in as few pieces as the pipe takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
