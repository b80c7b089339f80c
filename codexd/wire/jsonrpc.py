"""JSON-RPC as the Codex app-server speaks it: 2.0 without its `jsonrpc` member, one message a line.

Requests the server makes have an id space of their own, so an id alone does not tell a reply from a request:
whatever has a `method` and an `id` is a request.
"""

from typing import Generic, TypeVar

from attrs import frozen

from codexd.wire import json
from codexd.wire.json import Json, Malformed

Id = int | str
"""What a request is told apart by; who asked chose it."""

Tag = TypeVar("Tag")


@frozen
class Request:
    """A call that wants a reply under its id."""

    id: Id
    method: str
    params: dict[str, Json]


@frozen
class Notification:
    """A message that wants no reply."""

    method: str
    params: dict[str, Json]


@frozen
class Reply:
    """The result of the call made under `id`."""

    id: Id
    result: Json


@frozen
class ErrorReply:
    """The failure of the call made under `id`.

    Attributes:
        id: of the call.
        code: as JSON-RPC 2.0 has them; the app-server answers -32600 to most bad calls.
        message: for people.
        data: whatever the server adds, or None.
    """

    id: Id
    code: int
    message: str
    data: Json = None


Message = Request | Notification | Reply | ErrorReply


def decode(line: bytes) -> Message:
    """Read one line. Missing or null `params` read as none at all: `{}`.

    Raises:
        Malformed: when it is not JSON, or JSON but no message.
    """
    message = json.decode(line)
    if type(message) is not dict:
        raise Malformed("a message is an object")
    method = message.get("method")
    if method is None:
        return _answer(message)
    params = message.get("params")
    if params is None:
        params = {}
    if type(method) is not str or type(params) is not dict:
        raise Malformed("method is a string, params an object")
    if "id" not in message:
        return Notification(method, params)
    return Request(_id(message), method, params)


def _answer(message: dict[str, Json]) -> Reply | ErrorReply:
    error = message.get("error")
    if error is None:
        if "result" not in message:
            raise Malformed("a message has a method, a result or an error")
        return Reply(_id(message), message["result"])
    if type(error) is not dict:
        raise Malformed("an error is an object")
    code, text = error.get("code"), error.get("message")
    if type(code) is not int or type(text) is not str:
        raise Malformed("an error has a number for a code and a message")
    return ErrorReply(_id(message), code, text, error.get("data"))


def _id(message: dict[str, Json]) -> Id:
    identity = message.get("id")
    if type(identity) is int or type(identity) is str:
        return identity
    raise Malformed("an id is an integer or a string")


def encode_request(id: Id, method: str, params: Json = None) -> bytes:
    """Write a call as one line, its LF included; `params` of None are left out.

    Raises:
        Malformed: when `params` hold something JSON cannot say. So do the other encoders.
    """
    return _line({"id": id, "method": method}, params)


def encode_notification(method: str, params: Json = None) -> bytes:
    """Write a notification as one line; `params` of None are left out."""
    return _line({"method": method}, params)


def encode_reply(id: Id, result: Json) -> bytes:
    """Write the result of a server's request as one line."""
    return json.encode({"id": id, "result": result}) + b"\n"


def encode_error(id: Id, code: int, message: str, data: Json = None) -> bytes:
    """Write the failure of a server's request as one line; `data` of None is left out."""
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return json.encode({"id": id, "error": error}) + b"\n"


def _line(message: dict[str, Json], params: Json) -> bytes:
    if params is not None:
        message["params"] = params
    return json.encode(message) + b"\n"


class CallBook(Generic[Tag]):
    """The calls we made and nobody has answered yet: our id space, and what each call was for."""

    __slots__ = ("_calls", "_next")

    def __init__(self) -> None:
        self._calls: dict[Id, Tag] = {}
        self._next = 0

    @property
    def pending(self) -> int:
        """How many calls have no answer yet."""
        return len(self._calls)

    def issue(self, tag: Tag) -> int:
        """Enter a call; return the id to make it under, never used before in this book."""
        id, self._next = self._next, self._next + 1
        self._calls[id] = tag
        return id

    def settle(self, id: Id) -> Tag | None:
        """Cross a call out; return its tag, or None when no such call waits (unknown, or answered twice)."""
        return self._calls.pop(id, None)

    def abandon(self) -> list[Tag]:
        """Cross out every call, oldest first: nobody will answer them any more."""
        tags = list(self._calls.values())
        self._calls.clear()
        return tags
