"""A short-lived app-server for the calls of one command. It blocks: commands run without a reactor."""

import os
import subprocess
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Final, Self

from attrs import AttrsInstance

from codexd import __version__
from codexd.backs import bindings as b
from codexd.child.process import ProcessCommand
from codexd.wire import jsonrpc
from codexd.wire.json import Json, JsonError

CALL_SECONDS: Final = 30.0
"""How long a call may take."""

_EXIT_SECONDS: Final = 5.0
"""How long the child may take to exit once its standard input is closed; it usually takes 35 ms."""


class AccountError(Exception):
    """A call failed, or the child did not answer; the message is shown to the user."""


class AccountChild:
    """Runs `codex app-server`, as a context manager: it has exited when the context ends.

    Args:
        command: starts it.
    """

    def __init__(self, command: ProcessCommand) -> None:
        self._command = command
        self._messages: SimpleQueue[jsonrpc.RpcMessage | None] = SimpleQueue()
        self._notifications: list[jsonrpc.RpcNotification] = []
        self._last_id = 0

    def __enter__(self) -> Self:
        """Start it, and make the handshake."""
        os.makedirs(self._command.directory, mode=0o700, exist_ok=True)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the program is the one codexd itself runs
                [self._command.executable, *self._command.arguments],
                env=dict(self._command.environment),
                cwd=self._command.directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise AccountError(f"Codex cannot be run: {error.strerror}") from error
        Thread(target=self._read, daemon=True).start()
        try:
            self.call(b.Initialize(b.ClientInfo("codexd", __version__), b.Capabilities()))
            self._write(jsonrpc.encode_notification("initialized"))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._end()

    def call(self, params: AttrsInstance, seconds: float = CALL_SECONDS) -> Json:
        """Call a method and return its result.

        Raises:
            AccountError: with the child's reason, or if it does not answer in time.
        """
        self._last_id += 1
        method = b.METHODS[type(params)]
        self._write(jsonrpc.encode_request(self._last_id, method, b.encode(params)))
        end = monotonic() + seconds
        while True:
            message = self._next(end - monotonic())
            if isinstance(message, jsonrpc.RpcNotification):
                self._notifications.append(message)
            elif isinstance(message, jsonrpc.RpcRequest) or message.id != self._last_id:
                continue  # nothing is asked of this client, and no earlier call is waited for
            elif isinstance(message, jsonrpc.RpcErrorResponse):
                raise AccountError(message.message)
            else:
                return message.result

    def wait_for(self, method: str, seconds: float) -> dict[str, Json]:
        """Return the params of the next notification of a method, also of one that came during a call.

        Raises:
            AccountError: if there is none in time.
        """
        end = monotonic() + seconds
        while True:
            for message in self._notifications:
                if message.method == method:
                    self._notifications.remove(message)
                    return message.params
            received = self._next(end - monotonic())
            if isinstance(received, jsonrpc.RpcNotification):
                self._notifications.append(received)

    def _next(self, seconds: float) -> jsonrpc.RpcMessage:
        try:
            message = self._messages.get(timeout=max(seconds, 0))
        except Empty:
            raise AccountError("Codex did not answer in time") from None
        if message is None:
            raise AccountError(f"Codex has ended (status {self._process.wait()}); its configuration may be wrong")
        return message

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended, which the next read reports

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._messages.put(jsonrpc.decode(line))
            except JsonError:
                continue
        self._messages.put(None)

    def _end(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass  # it has ended before it read all
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
