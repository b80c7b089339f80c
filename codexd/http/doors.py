"""The clients' doors: which dialect is spoken at which route."""

from collections.abc import Callable

from attrs import frozen

from codexd.fronts import chat, completions, responses
from codexd.fronts.exchange import Draft, Settled, Terms


@frozen
class Door:
    """One dialect at one route.

    Attributes:
        front: the dialect's name, for the log.
        read: reads a body on these terms; raises Refused.
    """

    front: str
    read: Callable[[bytes, Terms], Draft]


@frozen
class Doors:
    """All doors.

    Attributes:
        chat: Chat Completions; a Responses body is read as one, and answered in Chat's shape (Cursor).
        responses: Responses.
    """

    chat: Door
    responses: Door
    completions: Door


def _chat(body: bytes, terms: Terms) -> Draft:
    if chat.is_responses_shaped(body):
        return Settled.of(chat.adopt(body, responses.decode(body, terms).turn, terms.show_reasoning))
    return Settled.of(chat.decode(body, terms))


def _completions(body: bytes, terms: Terms) -> Draft:
    return Settled.of(completions.decode(body, terms))


DOORS = Doors(Door("chat", _chat), Door("responses", responses.read), Door("completions", _completions))
