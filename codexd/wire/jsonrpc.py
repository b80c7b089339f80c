"""The JSON-RPC dialect of the Codex app-server: 2.0 without the `jsonrpc` member, one message per line.

Requests of the server have their own id space, so the id does not distinguish a response from a request: a
message with a `method` and an `id` is a request.
"""

from codexd.neutral.records import frozen
from codexd.wire import json
from codexd.wire.json import Json, JsonError

RpcId = int | str
"""The id of a request, chosen by the side that sends it."""


@frozen
class RpcRequest:
    """A call. The receiver must respond with the same id."""

    id: RpcId
    method: str
    params: dict[str, Json]


@frozen
class RpcNotification:
    """A message without a response."""

    method: str
    params: dict[str, Json]


@frozen
class RpcResponse:
    """The result of the call with this id."""

    id: RpcId
    result: Json


@frozen
class RpcErrorResponse:
    """The failure of the call with this id.

    Attributes:
        id: the id of the call.
        code: the JSON-RPC 2.0 error code; the app-server returns -32600 for most invalid calls.
        message: human-readable.
        data: additional data of the server, or None.
    """

    id: RpcId
    code: int
    message: str
    data: Json = None


RpcMessage = RpcRequest | RpcNotification | RpcResponse | RpcErrorResponse


def decode(line: bytes) -> RpcMessage:
    """Decode one line. Missing or null `params` become `{}`.

    Raises:
        JsonError: if it is not JSON or not a message.
    """
    message = json.decode(line)
    if type(message) is not dict:
        raise JsonError("a message must be an object")
    method = message.get("method")
    if method is None:
        return _decode_response(message)
    params = message.get("params")
    if params is None:
        params = {}
    if type(method) is not str or type(params) is not dict:
        raise JsonError("method must be a string, params an object")
    if "id" not in message:
        return RpcNotification(method, params)
    return RpcRequest(_id(message), method, params)


def _decode_response(message: dict[str, Json]) -> RpcResponse | RpcErrorResponse:
    error = message.get("error")
    if error is None:
        if "result" not in message:
            raise JsonError("a message must have a method, a result or an error")
        return RpcResponse(_id(message), message["result"])
    if type(error) is not dict:
        raise JsonError("an error must be an object")
    code, text = error.get("code"), error.get("message")
    if type(code) is not int or type(text) is not str:
        raise JsonError("an error must have an integer code and a string message")
    return RpcErrorResponse(_id(message), code, text, error.get("data"))


def _id(message: dict[str, Json]) -> RpcId:
    id = message.get("id")
    if type(id) is int or type(id) is str:
        return id
    raise JsonError("an id must be an integer or a string")


def encode_request(id: RpcId, method: str, params: Json = None) -> bytes:
    """Encode a call as one line, including the LF; omit `params` of None.

    Raises:
        JsonError: if `params` cannot be encoded. The other encoders raise it, too.
    """
    return _line({"id": id, "method": method}, params)


def encode_notification(method: str, params: Json = None) -> bytes:
    """Encode a notification as one line; omit `params` of None."""
    return _line({"method": method}, params)


def encode_response(id: RpcId, result: Json) -> bytes:
    """Encode the result of a server's request as one line."""
    return json.encode_line({"id": id, "result": result})


def encode_error(id: RpcId, code: int, message: str, data: Json = None) -> bytes:
    """Encode the failure of a server's request as one line; omit `data` of None."""
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return json.encode_line({"id": id, "error": error})


def _line(message: dict[str, Json], params: Json) -> bytes:
    if params is not None:
        message["params"] = params
    return json.encode_line(message)
