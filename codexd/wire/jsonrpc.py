"""JSON-RPC as the Codex app-server speaks it: 2.0 without its `jsonrpc` member, one message a line.

Requests the server makes have an id space of their own, so an id alone does not tell a reply from a request:
whatever has a `method` and an `id` is a request.
"""

from attrs import frozen

from codexd.wire import json
from codexd.wire.json import Json, Malformed

Id = int | str
"""What a request is told apart by; who asked chose it."""


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
