"""Drive the Codex app-server without codexd, as the baseline for the time to the first text."""

import os
import subprocess
import time
from pathlib import Path

from attrs import AttrsInstance

from codexd import __version__
from codexd.backs import bindings, profile
from codexd.backs.profile import Profile
from codexd.child.launch import LaunchConfig
from codexd.neutral.turn import Message, TextPart, Turn
from codexd.settings import Codex
from codexd.wire import json, jsonrpc


class DirectChild:
    """An app-server on blocking pipes, started exactly as codexd starts it (with the same environment)."""

    def __init__(self, binary: Path, home: Path, state: Path) -> None:
        launch = LaunchConfig(binary=binary, home=home, state=state, environ=os.environ, codex=Codex())
        command = launch.command(next(state.glob("model-catalog-*.json")))
        self._child = subprocess.Popen(
            (command.executable, *command.arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(command.environment),
            cwd=command.directory,
        )
        self._workspace = launch.workspace
        self._id = 0
        self._wait_for_result(
            self._send(bindings.Initialize(bindings.ClientInfo("codexd", __version__), _CAPABILITIES))
        )
        self._write(jsonrpc.encode_notification("initialized"))

    def first_text_seconds(self, model: str, text: str) -> float:
        """Run one turn on a new thread and return the seconds to the first text."""
        turn = Turn(model=model, items=(Message(role="user", parts=(TextPart(text),)),))
        start = time.perf_counter()
        thread_started = self._wait_for_result(
            self._send(profile.build_thread_start(turn, Profile(agent=False, cwd=str(self._workspace))))
        )
        thread = thread_started["thread"]["id"]
        self._send(bindings.InjectItems(thread, profile.encode_history(turn, turn.items)))
        self._send(profile.build_turn_start(thread, turn))
        self._wait_for("item/agentMessage/delta")
        first = time.perf_counter() - start
        self._wait_for("turn/completed")
        self._wait_for_result(self._send(bindings.Unsubscribe(thread)))
        return first

    def close(self) -> None:
        """Close the pipe and wait for the child to exit."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(10)

    def _write(self, data: bytes) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(data)
        self._child.stdin.flush()

    def _send(self, params: AttrsInstance) -> int:
        self._id += 1
        method = bindings.METHODS[type(params)]
        self._write(jsonrpc.encode_request(self._id, method, bindings.encode(params)))
        return self._id

    def _read(self) -> jsonrpc.RpcMessage:
        assert self._child.stdout is not None
        return jsonrpc.decode(self._child.stdout.readline())

    def _wait_for_result(self, id: int) -> json.Json:
        while True:
            message = self._read()
            if isinstance(message, jsonrpc.RpcResponse) and message.id == id:
                return message.result
            if isinstance(message, jsonrpc.RpcErrorResponse):
                raise SystemExit(f"the child returned an error: {message.message}")

    def _wait_for(self, method: str) -> None:
        while True:
            message = self._read()
            if isinstance(message, jsonrpc.RpcNotification) and message.method == method:
                return


_CAPABILITIES = bindings.Capabilities(optOutNotificationMethods=bindings.OPTED_OUT_NOTIFICATIONS)
