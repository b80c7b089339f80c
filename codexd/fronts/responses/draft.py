"""A body of `POST /v1/responses`, read as far as it can be without what it goes on from."""

from typing import Final

from attrs import evolve, frozen

from codexd.fronts import reading
from codexd.fronts.exchange import Terms
from codexd.fronts.reading import Fields
from codexd.fronts.responses import request, state
from codexd.fronts.responses.exchange import ResponsesExchange
from codexd.fronts.responses.state import State
from codexd.neutral.kept import Recalled, Wanted

_UNSAID: Final = {"model": "none", "input": []}
_NOT_KEPT: Final = "Nothing is kept at this door: send the whole input, or ask /v1/responses."


@frozen
class ResponsesDraft:
    """A request, until it is known what it goes on from (`codexd.fronts.exchange.Draft`)."""

    wanted: Wanted
    state: State
    _fields: Fields
    _terms: Terms

    def complete(self, recalled: Recalled) -> ResponsesExchange:
        """Read the rest.

        Raises:
            Refused: `previous_response_not_found`, `response_running`, `conversation_not_found`,
                `item_not_found`, or what else is wrong, with the path of the field at fault as `param`.
        """
        state.check(self.wanted, recalled)
        return request.complete(self._fields, self._terms, self.state, recalled)


def read(body: bytes, terms: Terms) -> ResponsesDraft:
    """Read a request's body.

    Args:
        body: JSON, already decompressed and limited in size.
        terms: on whose behalf, and in which modes.

    Raises:
        Refused: `malformed_json`, `missing`, `wrong_type`, `wrong_value` or `unsupported`, with the path of
            the field at fault as `param`.
    """
    return _draft(reading.body(body), terms)


def measured(body: bytes, terms: Terms) -> ResponsesDraft:
    """Read a body of `POST /v1/responses/input_tokens`, which may leave out whatever it likes.

    Raises:
        Refused: as `read` does.
    """
    fields = reading.body(body)
    said = {name: value for name, value in fields.value.items() if value is not None}
    return _draft(Fields(_UNSAID | said), terms)


def decode(body: bytes, terms: Terms) -> ResponsesExchange:
    """Read a body for a door behind which nothing is kept, as where a client sends this shape to Chat.

    Raises:
        Refused: as `read` and `complete` do, and `unsupported` for whatever needs something kept.
    """
    draft = read(body, terms)
    for name, asked in _kept_only(draft).items():
        if asked:
            reading.unsupported(name, _NOT_KEPT)
    return evolve(draft, state=evolve(draft.state, store=False)).complete(Recalled())


def _kept_only(draft: ResponsesDraft) -> dict[str, bool]:
    """Tell by field whether a request needs something kept."""
    return {
        "previous_response_id": draft.wanted.previous is not None,
        "conversation": draft.wanted.conversation is not None,
        "background": draft.state.background,
        "input": bool(draft.wanted.references),
    }


def _draft(fields: Fields, terms: Terms) -> ResponsesDraft:
    asked = state.read(fields)
    return ResponsesDraft(state.wanted(fields, asked, terms.principal), asked, fields, terms)
