"""What a Thread wants done, and what became of it: the traffic with the child, in terms of one thread."""

from typing import Literal

from attrs import AttrsInstance, frozen

from codexd.neutral.event import Event
from codexd.wire.json import Json
from codexd.wire.jsonrpc import Id, Notification, Request

Tag = Literal["thread", "inject", "turn", "interrupt", "close"]


@frozen
class Ask:
    """A call to make; its outcome comes back as Replied or Rejected with the same tag."""

    tag: Tag
    params: AttrsInstance


@frozen
class Answer:
    """A reply to a request of the child's."""

    request: Id
    result: Json


@frozen
class Decline:
    """An error reply to a request of the child's."""

    request: Id
    code: int
    message: str


@frozen
class Replied:
    """A call of ours went well."""

    tag: Tag
    result: Json


@frozen
class Rejected:
    """A call of ours failed; `timed_out` when the child never answered it."""

    tag: Tag
    message: str
    timed_out: bool = False


Command = Ask | Answer | Decline
Output = Event | Command
Input = Notification | Request | Replied | Rejected
