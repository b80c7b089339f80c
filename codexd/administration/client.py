"""The client of a running daemon's /admin routes, for the `codexd` command: over its control socket, or by URL."""

import socket
import struct
from collections.abc import Collection
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from codexd.configuration.server_url import parse_server_url
from codexd.configuration.sources import ConfigurationError
from codexd.wire import json

TIMEOUT_SECONDS: Final = 60.0

_PEER: Final = struct.Struct("3i")
"""The process, user and group at the other end of a unix socket (SO_PEERCRED)."""

_UNKNOWN_URL: Final = "Unknown request URL."
_USE_KEY: Final = (
    "Put the key of an administrator into the environment variable CODEXD_ADMIN_KEY, or use the control socket"
)
_NOT_OPEN: Final = (
    "/admin is open only on the control socket until a key may administer the daemon. Make one on its machine with"
    " `codexd keys add NAME --admin yes` (or set admin.api_keys) and `codexd reload`, and put it into the environment"
    " variable CODEXD_ADMIN_KEY here"
)


class AdminError(Exception):
    """The daemon cannot be reached, or refused; the message is shown to the user."""


@frozen
class AdminClient:
    """Sends requests to one daemon.

    Attributes:
        path: its control socket; unused with a URL.
        url: its address, such as `http://127.0.0.1:11435`.
        key: an API key of an administrator, which a URL requires.
    """

    path: Path | None = None
    url: str | None = None
    key: str | None = field(default=None, repr=False)

    def describe(self) -> str:
        """Return where the daemon is: its address, or its control socket with the id of the process that listens there.

        Raises:
            AdminError: when nothing listens on the control socket.
        """
        if self.url is not None:
            return self.url
        connection = self._connect()
        try:
            connection.connect()
            peer = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        except OSError as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        return f"{self.path} (pid {_PEER.unpack(peer)[0]})"

    def call(self, method: str, path: str, body: json.Json | None = None, accept: Collection[int] = ()) -> Any:
        """Send a request to a path below `/admin/`, as `request` does."""
        return self.request(method, f"/admin/{path}", body, accept)

    def request(self, method: str, path: str, body: json.Json | None = None, accept: Collection[int] = ()) -> Any:
        """Send a request and return the decoded body of its response.

        Args:
            method: the HTTP method.
            path: the path.
            body: sent as JSON if it is not None.
            accept: statuses of errors whose body is returned, too.

        Raises:
            AdminError: with the reason.
        """
        data = None if body is None else json.encode(body)
        headers = {"content-type": "application/json"} if data else {}
        if self.url and self.key:
            headers["authorization"] = f"Bearer {self.key}"
        connection = self._connect()
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return self._read(response, accept)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _unreachable(self, error: Exception) -> AdminError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return AdminError(
            f"no codexd answers at {self.url or self.path}: {reason}. Use the same --config and user as the"
            " daemon, or --url with the key of an administrator in CODEXD_ADMIN_KEY"
        )

    def _read(self, response: HTTPResponse, accept: Collection[int]) -> Any:
        data = response.read()
        try:
            body = json.decode(data)
        except ValueError:
            body = None
        if response.status < HTTPStatus.MULTIPLE_CHOICES or (body is not None and response.status in accept):
            return body
        message = body["error"]["message"] if isinstance(body, dict) and "error" in body else response.reason
        raise AdminError(self._explain(response.status, str(message)))

    def _explain(self, status: int, message: str) -> str:
        """Return the message of an error, with what to do about it if it is about the key."""
        if self.url is None:
            return f"{message} (status {status})"
        if status == HTTPStatus.NOT_FOUND and message.startswith(_UNKNOWN_URL):
            return f"{self.url}: {_NOT_OPEN}"
        hint = f". {_USE_KEY}" if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else ""
        return f"{message.removesuffix('.')} (status {status}){hint}"

    def _connect(self) -> HTTPConnection:
        if self.url is None:
            if self.path is None:
                raise AdminError("the daemon has no control socket (admin.socket is empty); use --url")
            return _UnixConnection(self.path)
        try:
            server = parse_server_url(self.url)
        except ConfigurationError as error:
            raise AdminError(str(error)) from error
        make = HTTPSConnection if server.is_secure else HTTPConnection
        return make(server.host, server.port, timeout=TIMEOUT_SECONDS)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_SECONDS)
        self.sock.connect(str(self._path))
