"""The clients' doors: which dialect is spoken at which route."""

from collections.abc import Callable

from attrs import frozen

from codexd.fronts import chat, completions, responses
from codexd.fronts.dialect import PendingRequest, RequestOptions, StandaloneRequest


@frozen
class Door:
    """One dialect at one route.

    Attributes:
        front: the dialect's name, for the log.
        read: reads a body on these terms; raises FaultError.
    """

    front: str
    read: Callable[[bytes, RequestOptions], PendingRequest]


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


def _chat(body: bytes, terms: RequestOptions) -> PendingRequest:
    if chat.is_responses_shaped(body):
        return StandaloneRequest.of(
            chat.adapt_responses_turn(body, responses.decode_stateless(body, terms).turn, terms.show_reasoning)
        )
    return StandaloneRequest.of(chat.decode(body, terms))


def _completions(body: bytes, terms: RequestOptions) -> PendingRequest:
    return StandaloneRequest.of(completions.decode(body, terms))


DOORS = Doors(Door("chat", _chat), Door("responses", responses.decode_pending), Door("completions", _completions))
