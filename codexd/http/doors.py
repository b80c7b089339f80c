"""The clients' doors: which dialect is spoken at which route."""

from collections.abc import Callable

from attrs import frozen

from codexd.fronts import chat, responses
from codexd.fronts.exchange import Exchange


@frozen
class Door:
    """One dialect at one route.

    Attributes:
        front: the dialect's name, for the log.
        decode: reads a body for a principal; raises Refused.
    """

    front: str
    decode: Callable[[bytes, str], Exchange]


@frozen
class Doors:
    """All doors.

    Attributes:
        chat: Chat Completions; a Responses body is read as one, and answered in Chat's shape (Cursor).
        responses: Responses.
    """

    chat: Door
    responses: Door

    @classmethod
    def hung(cls, show_reasoning: bool) -> "Doors":
        """Make the doors; `show_reasoning` lets Chat show it as `reasoning_content`."""

        def decode_chat(body: bytes, principal: str) -> Exchange:
            if chat.is_responses_shaped(body):
                return chat.adopt(body, responses.decode(body, principal).turn, show_reasoning)
            return chat.decode(body, principal, show_reasoning)

        return cls(Door("chat", decode_chat), Door("responses", responses.decode))
