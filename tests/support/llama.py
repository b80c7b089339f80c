"""A real llama.cpp, where there is one: `llama-server` on the PATH, or what LLAMA_SERVER names."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.support.babbler import model
from tests.support.loopback import request
from tests.support.system import PATIENCE_SECONDS, start, until

PROGRAM: Final = os.environ.get("LLAMA_SERVER") or shutil.which("llama-server")

KEY: Final = "sk-llama"


class LlamaServer:
    """One `llama-server` with the model that babbles, ready.

    Args:
        folder: where its model and its log are kept.
        port: where it listens.

    Attributes:
        window: how many tokens it takes.
    """

    def __init__(self, folder: Path, port: int) -> None:
        assert PROGRAM is not None
        self.window = 1024
        self._port = port
        path = folder / "babbler.gguf"
        path.write_bytes(model(self.window))
        command = (
            PROGRAM, "--model", str(path), "--alias", "babbler", "--host", "127.0.0.1", "--port", str(port),
            "--threads", "1", "--parallel", "1", "--jinja", "--slots", "--api-key", KEY,
        )  # fmt: skip
        with (folder / "llama.log").open("ab") as log:
            self._process = start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: self._ready, "llama-server is ready")

    @property
    def busy(self) -> bool:
        """Whether it is answering."""
        answer = request(self._port, "GET", "/slots", headers={"authorization": f"Bearer {KEY}"})
        return any(slot["is_processing"] for slot in answer.json)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)

    @property
    def _ready(self) -> bool:
        assert self._process.poll() is None, "llama-server ended"
        try:
            return request(self._port, "GET", "/health").status == 200
        except OSError:
            return False
