"""An app-server that answers at once, so that almost only codexd's own cost is measured.

`bench/instant-codex` runs it in place of the Codex binary. It is the tests' fake app-server on real pipes: a
short turn costs about 0.1 ms of CPU, a delta about 1 us.
"""

import os
import sys
from collections import deque

from codexd.wire import json
from codexd.wire.jsonl import LineSplitter
from tests.support.fake_app_server import FakeAppServer, ListedModel

MODELS = ("gpt-5.5", "scripted")
CATALOG = json.encode({"models": [{"slug": model} for model in MODELS]})

_READ_BYTES = 2**18


def main(arguments: list[str]) -> int:
    """Print the model catalog, or serve until stdin is closed."""
    if arguments[:2] == ["debug", "models"]:
        write(CATALOG)
    else:
        serve()
    return 0


def serve() -> None:
    """Answer the lines of stdin until it is closed."""
    server, lines = FakeAppServer(), LineSplitter()
    server.models = tuple(ListedModel(model) for model in MODELS)
    server.calls, server.model_requests = deque(maxlen=0), deque(maxlen=0)
    while data := os.read(0, _READ_BYTES):
        write(b"".join(answer for line in lines.receive(data) for answer in server.receive(line)))


def write(data: bytes) -> None:
    """Write all data to stdout, in as few writes as the pipe allows."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
