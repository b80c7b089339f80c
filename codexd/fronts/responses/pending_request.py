"""Decoder of `POST /v1/responses` bodies, as far as possible without the history that they continue."""

from typing import Final

from attrs import evolve

from codexd.fronts import json_fields
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses import request, state
from codexd.fronts.responses.decoded_request import DecodedResponsesRequest
from codexd.fronts.responses.state import StateOptions
from codexd.neutral.records import frozen
from codexd.neutral.stored import HistoryQuery, LoadedHistory

_DEFAULTS: Final = {"model": "none", "input": []}
_STATELESS: Final = "This endpoint stores no responses; send the whole input, or use /v1/responses."


@frozen
class PendingResponsesRequest:
    """A request whose history is not loaded yet (`codexd.fronts.dialect.PendingRequest`)."""

    history_query: HistoryQuery
    state: StateOptions
    _fields: Fields
    _options: RequestOptions

    def complete(self, loaded: LoadedHistory) -> DecodedResponsesRequest:
        """Decode the rest of the request.

        Raises:
            FaultError: `previous_response_not_found`, `response_running`, `conversation_not_found`,
                `item_not_found`, or for an invalid field, with its path as `param`.
        """
        state.check_history(self.history_query, loaded)
        return request.decode_with_history(self._fields, self._options, self.state, loaded)


def decode_pending(body: bytes, options: RequestOptions) -> PendingResponsesRequest:
    """Decode a request body.

    Args:
        body: JSON, already decompressed and limited in size.
        options: whose request it is, and its compatibility modes.

    Raises:
        FaultError: `malformed_json`, `missing`, `wrong_type`, `wrong_value` or `unsupported`, with the path of
            the invalid field as `param`.
    """
    return build_pending(json_fields.parse_body(body, options.limits), options)


def decode_for_counting(body: bytes, options: RequestOptions) -> PendingResponsesRequest:
    """Decode a body of `POST /v1/responses/input_tokens`, where all fields are optional.

    Raises:
        FaultError: as `decode_pending`.
    """
    fields = json_fields.parse_body(body, options.limits)
    given = {name: value for name, value in fields.value.items() if value is not None}
    return build_pending(Fields(_DEFAULTS | given), options)


def decode_stateless(body: bytes, options: RequestOptions) -> DecodedResponsesRequest:
    """Decode a body for an endpoint without a store, such as a Responses body that was sent to Chat.

    Raises:
        FaultError: as `decode_pending` and `complete`, and `unsupported` for fields that need the store.
    """
    pending = decode_pending(body, options)
    for name, asked in _store_dependent_fields(pending).items():
        if asked:
            json_fields.raise_unsupported(name, _STATELESS)
    return evolve(pending, state=evolve(pending.state, store=False)).complete(LoadedHistory())


def _store_dependent_fields(pending: PendingResponsesRequest) -> dict[str, bool]:
    """Return for each field whether the request needs the store for it."""
    return {
        "previous_response_id": pending.history_query.previous is not None,
        "conversation": pending.history_query.conversation is not None,
        "background": pending.state.background,
        "input": bool(pending.history_query.references),
    }


def build_pending(fields: Fields, options: RequestOptions) -> PendingResponsesRequest:
    """Decode the part of a parsed body that does not depend on the history; raises FaultError."""
    asked = state.parse_state(fields)
    return PendingResponsesRequest(state.build_history_query(fields, asked, options.principal), asked, fields, options)
