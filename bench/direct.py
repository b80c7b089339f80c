"""The same child, driven without codexd: what an answer takes when nothing stands in between."""

import os
import subprocess
import time
from pathlib import Path

from attrs import AttrsInstance

from codexd import __version__
from codexd.backs import bindings, profile
from codexd.backs.profile import Profile
from codexd.child.launch import Launch
from codexd.neutral.turn import Message, TextPart, Turn
from codexd.settings import Codex
from codexd.wire import json, jsonrpc


class Direct:
    """A child on blocking pipes, started exactly as codexd starts it: its environment costs it time, too."""

    def __init__(self, binary: Path, home: Path, state: Path) -> None:
        how = Launch(binary, home, state, os.environ, Codex())
        command = how.command(next(state.glob("model-catalog-*.json")))
        self._child = subprocess.Popen(
            (command.executable, *command.arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(command.environment),
            cwd=command.directory,
        )
        self._workspace = how.workspace
        self._id = 0
        self._settle(
            self._ask(bindings.Initialize(bindings.ClientInfo("codexd", __version__), _CAPABILITIES))
        )
        self._write(jsonrpc.encode_notification("initialized"))

    def first_text_seconds(self, model: str, text: str) -> float:
        """Ask on a thread of its own; give the seconds to the first text."""
        turn = Turn(model, (Message("user", (TextPart(text),)),))
        began = time.perf_counter()
        started = self._settle(self._ask(profile.thread_start(turn, Profile(False, str(self._workspace)))))
        thread = started["thread"]["id"]
        self._ask(bindings.InjectItems(thread, profile.shown(turn, turn.items)))
        self._ask(profile.turn_start(thread, turn))
        self._until("item/agentMessage/delta")
        first = time.perf_counter() - began
        self._until("turn/completed")
        self._settle(self._ask(bindings.Unsubscribe(thread)))
        return first

    def close(self) -> None:
        """Let the child end."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(10)

    def _write(self, data: bytes) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(data)
        self._child.stdin.flush()

    def _ask(self, params: AttrsInstance) -> int:
        self._id += 1
        method = bindings.METHODS[type(params)]
        self._write(jsonrpc.encode_request(self._id, method, bindings.encode(params)))
        return self._id

    def _read(self) -> jsonrpc.Message:
        assert self._child.stdout is not None
        return jsonrpc.decode(self._child.stdout.readline())

    def _settle(self, id: int) -> json.Json:
        while True:
            message = self._read()
            if isinstance(message, jsonrpc.Reply) and message.id == id:
                return message.result
            if isinstance(message, jsonrpc.ErrorReply):
                raise SystemExit(f"the child refused: {message.message}")

    def _until(self, method: str) -> None:
        while True:
            message = self._read()
            if isinstance(message, jsonrpc.Notification) and message.method == method:
                return


_CAPABILITIES = bindings.Capabilities(optOutNotificationMethods=bindings.SILENCED)
