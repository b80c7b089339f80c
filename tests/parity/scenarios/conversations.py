"""Conversations: created, used, updated, deleted."""

from typing import Final

from codexd.wire.json import Json
from tests.parity.scenario import RESPONSES, Scenario, ScenarioRequest
from tests.parity.scenarios.request_bodies import (
    CLOCK,
    MODEL,
    delete,
    get,
    post,
    responses,
    responses_tools,
    user_message,
    with_streamed,
)
from tests.parity.scenarios.stored_responses import as_other_client, continue_from, tool_output

_ALL: Final = "/v1/conversations"
_CONVERSATION: Final = f"{_ALL}/{{1.id}}"
_ITEMS: Final = f"{_CONVERSATION}/items"
_ABSENT: Final = f"{_ALL}/conv_0123456789abcdef01234567"
_EMPTY: Final = post(_ALL)
_FRUITS: Final[list[Json]] = [
    {"type": "message", "role": "user", "content": "An apple."},
    {"type": "message", "id": "msg_mine", "role": "assistant", "content": "And a pear."},
]
_CALLED: Final[list[Json]] = [
    {"type": "reasoning", "summary": [], "encrypted_content": "c2VhbGVk"},
    {"type": "function_call", "call_id": "call_1", "name": "clock", "arguments": "{}"},
    *tool_output("call_1", "noon"),
]
_FAILING: Final = "preface: So far so good.\nfail: rate_limit_exceeded"


def _within(text: Json, **members: Json) -> ScenarioRequest:
    return post(RESPONSES, model=MODEL, input=text, conversation="{1.id}", **members)


_LIFECYCLE: Final = (
    Scenario(
        name="lifecycle",
        about="a conversation is created, retrieved, updated and deleted",
        first=post(_ALL, metadata={"ticket": "7"}),
        then=(
            get(_CONVERSATION),
            post(_CONVERSATION, metadata={"ticket": "8", "mood": "fair"}),
            get(_CONVERSATION),
            get(_ITEMS),
            delete(_CONVERSATION),
            get(_CONVERSATION),
            delete(_CONVERSATION),
        ),
    ),
    Scenario(
        name="items",
        about="items of a conversation are created, listed, retrieved and deleted",
        first=post(_ALL, items=_FRUITS),
        then=(
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
        name="used",
        about="responses in a conversation, to which their items are appended",
        first=post(_ALL, items=_FRUITS),
        then=(
            _within("say: And a plum."),
            post(RESPONSES, model=MODEL, input="say: And a fig.", conversation={"id": "{1.id}"}),
            get(f"{_ITEMS}?order=asc"),
        ),
    ),
    Scenario(
        name="tools",
        about="a tool call in a conversation, and its output",
        first=_EMPTY,
        then=(
            _within("thinking: Hm.\ncall: clock {}", tools=responses_tools(CLOCK)),
            _within(tool_output("{2.output.1.call_id}", "noon")),
            get(f"{_ITEMS}?order=asc"),
        ),
    ),
)

_AFTER: Final = (
    Scenario(
        name="failed",
        about="a response that fails before its first event adds nothing to the conversation",
        first=_EMPTY,
        then=(_within(_FAILING), get(f"{_ITEMS}?order=asc")),
    ),
    Scenario(
        name="broken-streamed",
        about="a response that fails after its first event adds its partial items to the conversation",
        first=_EMPTY,
        then=(_within(_FAILING, stream=True), get(f"{_ITEMS}?order=asc")),
    ),
    Scenario(
        name="item-deleted",
        about="a deleted item is not sent to the model",
        first=post(_ALL, items=_FRUITS),
        then=(delete(f"{_ITEMS}/msg_mine"), _within("say: And a plum.")),
    ),
    Scenario(
        name="branched",
        about="a response of a conversation is continued outside of it",
        first=_EMPTY,
        then=(
            _within("say: first"),
            _within("say: second"),
            continue_from("say: elsewhere", "{2.id}"),
            get(_ITEMS),
        ),
    ),
    Scenario(
        name="deleted",
        about="the responses of a deleted conversation stay",
        first=_EMPTY,
        then=(
            _within("say: first"),
            delete(_CONVERSATION),
            get(f"{RESPONSES}/{{2.id}}"),
            _within("say: no"),
            get(_ITEMS),
            continue_from("say: second", "{2.id}"),
        ),
    ),
    Scenario(
        name="background",
        about="a background response in a conversation",
        first=_EMPTY,
        then=(
            _within("say: slowly but surely", background=True),
            ScenarioRequest(path=f"{RESPONSES}/{{2.id}}", method="GET", poll_until_done=True),
            get(f"{_ITEMS}?order=asc"),
        ),
    ),
)

_REJECTED: Final = (
    Scenario(
        name="error-unknown",
        about="conversations that do not exist",
        first=get(_ABSENT),
        then=(
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
        name="error-other-key",
        about="conversations of another API key are not found",
        first=post(_ALL, items=_FRUITS),
        then=(
            as_other_client(get(_CONVERSATION)),
            as_other_client(get(_ITEMS)),
            as_other_client(get(f"{_ITEMS}/msg_mine")),
            as_other_client(post(_CONVERSATION, metadata={})),
            as_other_client(delete(_CONVERSATION)),
            as_other_client(_within("say: no")),
            get(_CONVERSATION),
        ),
    ),
    Scenario(
        name="error-body",
        about="invalid bodies for conversations and their items",
        first=post(_ALL, items=[user_message("again")] * 21),
        then=(
            post(_ALL, metadata={"n": 1}),
            post(_ALL, items=[{"type": "item_reference", "id": "msg_1"}]),
            post(_ALL, items=tool_output("call_1", "noon")),
            _EMPTY,
            post(f"{_ALL}/{{5.id}}"),
            post(f"{_ALL}/{{5.id}}/items"),
            get(f"{_ALL}/{{5.id}}/items?order=up"),
        ),
    ),
)

SCENARIOS: Final = (*_LIFECYCLE, *with_streamed(*_USED), *_AFTER, *_REJECTED)
