"""Commands of a Thread to its child, and the child's messages for that thread."""

from typing import Literal

from attrs import AttrsInstance

from codexd.neutral.event import Event
from codexd.neutral.records import frozen
from codexd.wire.json import Json
from codexd.wire.jsonrpc import RpcId, RpcNotification, RpcRequest

CallTag = Literal["thread", "inject", "turn", "interrupt", "close"]
"""Identifies a call of codexd: `thread/start`, `thread/inject_items`, `turn/start`, `turn/interrupt`,
`thread/unsubscribe`."""


@frozen
class CallMethod:
    """Call a method of the child; the outcome is a CallSucceeded or CallFailed with the same tag."""

    tag: CallTag
    params: AttrsInstance


@frozen
class SendResult:
    """Send the result of a request of the child."""

    request: RpcId
    result: Json


@frozen
class SendError:
    """Send a JSON-RPC error as the reply to a request of the child."""

    request: RpcId
    code: int
    message: str


@frozen
class CallSucceeded:
    """The child returned a result for a call."""

    tag: CallTag
    result: Json


@frozen
class CallFailed:
    """The child returned an error for a call, or nothing in time (`timed_out`)."""

    tag: CallTag
    message: str
    timed_out: bool = False


Command = CallMethod | SendResult | SendError
Output = Event | Command
Input = RpcNotification | RpcRequest | CallSucceeded | CallFailed
