"""Conversations: made, used, changed, deleted."""

from typing import Final

from codexd.wire.json import Json
from tests.parity.scenario import RESPONSES, Ask, Scenario
from tests.parity.scenarios.bodies import (
    CLOCK,
    MODEL,
    both_ways,
    delete,
    flat,
    get,
    post,
    responses,
    user,
)
from tests.parity.scenarios.state import further, result, stranger

_ALL: Final = "/v1/conversations"
_IT: Final = f"{_ALL}/{{1.id}}"
_ITEMS: Final = f"{_IT}/items"
_ABSENT: Final = f"{_ALL}/conv_0123456789abcdef01234567"
_EMPTY: Final = post(_ALL)
_FRUITS: Final[list[Json]] = [
    {"type": "message", "role": "user", "content": "An apple."},
    {"type": "message", "id": "msg_mine", "role": "assistant", "content": "And a pear."},
]
_CALLED: Final[list[Json]] = [
    {"type": "reasoning", "summary": [], "encrypted_content": "c2VhbGVk"},
    {"type": "function_call", "call_id": "call_1", "name": "clock", "arguments": "{}"},
    *result("call_1", "noon"),
]
_FAILING: Final = "preface: So far so good.\nfail: rate_limit_exceeded"


def _within(text: Json, **members: Json) -> Ask:
    return post(RESPONSES, model=MODEL, input=text, conversation="{1.id}", **members)


_LIFE: Final = (
    Scenario(
        "lifecycle",
        "a conversation is made, shown, changed and deleted",
        post(_ALL, metadata={"ticket": "7"}),
        (
            get(_IT),
            post(_IT, metadata={"ticket": "8", "mood": "fair"}),
            get(_IT),
            get(_ITEMS),
            delete(_IT),
            get(_IT),
            delete(_IT),
        ),
    ),
    Scenario(
        "items",
        "items are added, listed, shown and taken out",
        post(_ALL, items=_FRUITS),
        (
            post(_ITEMS, items=_CALLED),
            get(_ITEMS),
            get(f"{_ITEMS}?order=asc&limit=2"),
            get(f"{_ITEMS}?order=asc&limit=2&after={{4.last_id}}"),
            get(f"{_ITEMS}/{{2.data.0.id}}"),
            get(f"{_ITEMS}/{{2.data.0.id}}?include[]=reasoning.encrypted_content"),
            delete(f"{_ITEMS}/msg_mine"),
            get(f"{_ITEMS}/msg_mine"),
            delete(f"{_ITEMS}/msg_mine"),
            get(f"{_ITEMS}?order=asc"),
        ),
    ),
)

_USED: Final = (
    Scenario(
        "used",
        "answers are given in a conversation, which grows by what was said",
        post(_ALL, items=_FRUITS),
        (
            _within("say: And a plum."),
            post(RESPONSES, model=MODEL, input="say: And a fig.", conversation={"id": "{1.id}"}),
            get(f"{_ITEMS}?order=asc"),
        ),
    ),
    Scenario(
        "tools",
        "a call in a conversation, and its output",
        _EMPTY,
        (
            _within("thinking: Hm.\ncall: clock {}", tools=flat(CLOCK)),
            _within(result("{2.output.1.call_id}", "noon")),
            get(f"{_ITEMS}?order=asc"),
        ),
    ),
)

_AFTER: Final = (
    Scenario(
        "failed",
        "an answer that fails before its client knows of it leaves nothing behind",
        _EMPTY,
        (_within(_FAILING), get(f"{_ITEMS}?order=asc")),
    ),
    Scenario(
        "broken-streamed",
        "an answer that fails when its client knows of it stays as far as it came",
        _EMPTY,
        (_within(_FAILING, stream=True), get(f"{_ITEMS}?order=asc")),
    ),
    Scenario(
        "item-deleted",
        "an item that was taken out is not shown to the model any more",
        post(_ALL, items=_FRUITS),
        (delete(f"{_ITEMS}/msg_mine"), _within("say: And a plum.")),
    ),
    Scenario(
        "branched",
        "an answer of a conversation can be gone on from outside of it",
        _EMPTY,
        (
            _within("say: first"),
            _within("say: second"),
            further("say: elsewhere", "{2.id}"),
            get(_ITEMS),
        ),
    ),
    Scenario(
        "deleted",
        "the answers of a deleted conversation stay",
        _EMPTY,
        (
            _within("say: first"),
            delete(_IT),
            get(f"{RESPONSES}/{{2.id}}"),
            _within("say: no"),
            get(_ITEMS),
            further("say: second", "{2.id}"),
        ),
    ),
    Scenario(
        "background",
        "an answer in the background, in a conversation",
        _EMPTY,
        (
            _within("say: slowly but surely", background=True),
            Ask(f"{RESPONSES}/{{2.id}}", method="GET", awaits_end=True),
            get(f"{_ITEMS}?order=asc"),
        ),
    ),
)

_REFUSED: Final = (
    Scenario(
        "error-unknown",
        "conversations that there are not",
        get(_ABSENT),
        (
            post(_ABSENT, metadata={}),
            delete(_ABSENT),
            get(f"{_ABSENT}/items"),
            post(f"{_ABSENT}/items", items=_FRUITS),
            get(f"{_ABSENT}/items/msg_1"),
            delete(f"{_ABSENT}/items/msg_1"),
            responses("say: no", conversation="conv_0123456789abcdef01234567"),
        ),
    ),
    Scenario(
        "error-other-key",
        "somebody else's conversations are not there",
        post(_ALL, items=_FRUITS),
        (
            stranger(get(_IT)),
            stranger(get(_ITEMS)),
            stranger(get(f"{_ITEMS}/msg_mine")),
            stranger(post(_IT, metadata={})),
            stranger(delete(_IT)),
            stranger(_within("say: no")),
            get(_IT),
        ),
    ),
    Scenario(
        "error-body",
        "bodies that make no conversation, and no items of one",
        post(_ALL, items=[user("again")] * 21),
        (
            post(_ALL, metadata={"n": 1}),
            post(_ALL, items=[{"type": "item_reference", "id": "msg_1"}]),
            post(_ALL, items=result("call_1", "noon")),
            _EMPTY,
            post(f"{_ALL}/{{5.id}}"),
            post(f"{_ALL}/{{5.id}}/items"),
            get(f"{_ALL}/{{5.id}}/items?order=up"),
        ),
    ),
)

SCENARIOS: Final = (*_LIFE, *both_ways(*_USED), *_AFTER, *_REFUSED)
