"""Stored responses for tests, and requests that continue them."""

from typing import Any

from codexd.fronts import responses
from codexd.fronts.responses.decoded_request import DecodedResponsesRequest
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.reply import Reply
from codexd.neutral.stored import LoadedHistory, ResponseState, StoredItem, StoredResponse
from codexd.wire.json import Json, decode, encode
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.responses_requests import SOMEONE, decode_request


def stored_item(**body: Any) -> StoredItem:
    """Build a stored item from its body, which must have an id."""
    return StoredItem(body["id"], encode(body))


def stored_response(reply: Reply, state: ResponseState = "over", **fields: Any) -> StoredResponse:
    """Build the stored response of a request with a model, an input and these fields."""
    keeping = decode_request(**fields).storage
    assert keeping is not None
    return keeping.encode(reply, RESPONSES_IDENTITY, state)


def history(*answers: StoredResponse) -> LoadedHistory:
    """Return the history that a store loads for the last of these responses, which form a chain."""
    items = tuple(item for answer in answers for item in (*answer.input, *answer.output))
    return LoadedHistory(items, answers[-1].state)


def continue_from(recalled: LoadedHistory, **fields: Any) -> DecodedResponsesRequest:
    """Decode a request that continues a loaded history."""
    body = {"model": "m", "input": "hi", **fields}
    return responses.decode_pending(encode(body), SOMEONE).complete(recalled)


def refusal(recalled: LoadedHistory, **fields: Any) -> Fault:
    """Return the fault of such a request, which must be rejected."""
    try:
        continue_from(recalled, **fields)
    except FaultError as refused:
        return refused.fault
    raise AssertionError("the request was accepted")


def bodies(items: tuple[StoredItem, ...]) -> list[Json]:
    """Return the bodies of items and check that each has the id of its item."""
    shown = [decode(item.body) for item in items]
    assert [one["id"] for one in shown] == [item.id for item in items]
    return shown
