"""A real llama.cpp server, if installed: `llama-server` on the PATH, or $LLAMA_SERVER."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.support.http_client import request
from tests.support.processes import TIMEOUT_SECONDS, start, wait_until
from tests.support.tiny_model import model

PROGRAM: Final = os.environ.get("LLAMA_SERVER") or shutil.which("llama-server")

KEY: Final = "sk-llama"


class LlamaServer:
    """A ready `llama-server` with the tiny model.

    Args:
        folder: holds the model and the log.
        port: its port.

    Attributes:
        window: the context window, in tokens.
    """

    def __init__(self, folder: Path, port: int) -> None:
        assert PROGRAM is not None
        self.window = 1024
        self._port = port
        path = folder / "tiny-model.gguf"
        path.write_bytes(model(self.window))
        command = (
            PROGRAM, "--model", str(path), "--alias", "tiny-model", "--host", "127.0.0.1",
            "--port", str(port),
            "--threads", "1", "--parallel", "1", "--jinja", "--slots", "--api-key", KEY,
        )  # fmt: skip
        with (folder / "llama.log").open("ab") as log:
            self._process = start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self._ready, "llama-server is ready")

    @property
    def busy(self) -> bool:
        """Whether it is processing a request."""
        answer = request(self._port, "GET", "/slots", headers={"authorization": f"Bearer {KEY}"})
        return any(slot["is_processing"] for slot in answer.json)

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait(TIMEOUT_SECONDS)

    @property
    def _ready(self) -> bool:
        assert self._process.poll() is None, "llama-server ended"
        try:
            return request(self._port, "GET", "/health").status == 200
        except OSError:
            return False
