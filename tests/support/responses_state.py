"""What is kept of Responses requests, made for a test: an answer kept, and a request that goes on from it."""

from typing import Any

from codexd.fronts import responses
from codexd.fronts.exchange import Stamp
from codexd.fronts.responses.exchange import ResponsesExchange
from codexd.neutral.fault import Fault, Refused
from codexd.neutral.kept import KeptItem, KeptResponse, Recalled, Standing
from codexd.neutral.reply import Reply
from codexd.wire.json import Json, decode, encode
from tests.support.responses_requests import SOMEONE, ask

STAMP = Stamp("5eed", 1700000000, "gpt-5", clock=lambda: 1700000007.9)


def kept_item(**body: Any) -> KeptItem:
    """Make an item as it is kept; it must have an id."""
    return KeptItem(body["id"], encode(body))


def kept(reply: Reply, standing: Standing = "over", **fields: Any) -> KeptResponse:
    """Keep an answer to a request that has a model and an input, and these fields."""
    keeping = ask(**fields).keeping
    assert keeping is not None
    return keeping.write(reply, STAMP, standing)


def history(*answers: KeptResponse) -> Recalled:
    """Give what a store would give for the last of these answers, one of which goes on from the other."""
    items = tuple(item for answer in answers for item in (*answer.input, *answer.output))
    return Recalled(items, answers[-1].standing)


def go_on(recalled: Recalled, **fields: Any) -> ResponsesExchange:
    """Read a request that goes on from something."""
    body = {"model": "m", "input": "hi", **fields}
    return responses.read(encode(body), SOMEONE).complete(recalled)


def refusal(recalled: Recalled, **fields: Any) -> Fault:
    """Give what such a request is refused for."""
    try:
        go_on(recalled, **fields)
    except Refused as refused:
        return refused.fault
    raise AssertionError("it was accepted")


def bodies(items: tuple[KeptItem, ...]) -> list[Json]:
    """Give items as JSON; each must be kept by the id that it shows."""
    shown = [decode(item.body) for item in items]
    assert [one["id"] for one in shown] == [item.id for item in items]
    return shown
