"""Stored responses: continued, retrieved, listed, deleted; missing ones and those of another API key."""

from typing import Final

from attrs import evolve

from codexd.wire.json import Json
from tests.parity.private_server import OTHER_CLIENT, api_key
from tests.parity.scenario import RESPONSES, Scenario, ScenarioRequest
from tests.parity.scenarios.request_bodies import (
    CLOCK,
    MODEL,
    WEATHER,
    delete,
    get,
    post,
    responses,
    responses_tools,
    user_message,
    with_streamed,
)

_FIRST: Final = responses("say: first")
_RESPONSE: Final = f"{RESPONSES}/{{1.id}}"
_INCLUDE_ENCRYPTED: Final = "include[]=reasoning.encrypted_content"
_OSLO: Final = 'call: weather {"city": "Oslo"}'
_ABSENT: Final = "resp_0123456789abcdef01234567"

_FRUITS: Final[list[Json]] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "An apple."}]},
    {"type": "message", "id": "msg_mine", "role": "assistant", "content": "And a pear."},
    user_message("say: And a plum."),
]


def continue_from(text: Json, previous: str = "{1.id}", **members: Json) -> ScenarioRequest:
    """Build a request that continues a stored response."""
    return post(RESPONSES, model=MODEL, input=text, previous_response_id=previous, **members)


def tool_output(call: str, output: str) -> list[Json]:
    """Build an input of one tool output."""
    return [{"type": "function_call_output", "call_id": call, "output": output}]


def as_other_client(request: ScenarioRequest) -> ScenarioRequest:
    """Send a request with another client's API key."""
    return evolve(request, headers=(("Authorization", f"Bearer {api_key(OTHER_CLIENT)}"),))


_CONTINUED: Final = (
    Scenario(
        name="continued",
        about="continues a stored response; instructions are not inherited",
        first=responses("say: first", instructions="Talk like a sailor."),
        then=(
            continue_from("say: second"),
            continue_from("say: third", "{2.id}", instructions="Talk like a cook."),
        ),
    ),
    Scenario(
        name="continued-tools",
        about="sends the output of a stored tool call, without the tools",
        first=responses(_OSLO, tools=responses_tools(WEATHER)),
        then=(
            continue_from(tool_output("{1.output.0.call_id}", "4 degrees, rain")),
            continue_from("say: Thank you.", "{2.id}"),
        ),
    ),
    Scenario(
        name="continued-reasoning",
        about="continues stored reasoning with its encrypted content, which the client never received",
        first=responses("thinking: Hm.\ncall: clock {}", tools=responses_tools(CLOCK)),
        then=(continue_from(tool_output("{1.output.1.call_id}", "noon"), tools=responses_tools(CLOCK)),),
    ),
    Scenario(
        name="continued-incomplete",
        about="continues an incomplete response",
        first=responses("incomplete: max_output_tokens Half an ans"),
        then=(continue_from("say: the other half"),),
    ),
    Scenario(
        name="branches",
        about="two responses continue the same one",
        first=_FIRST,
        then=(
            continue_from("say: one way"),
            continue_from("say: another way"),
            get(f"{RESPONSES}/{{3.id}}/input_items"),
        ),
    ),
    Scenario(
        name="reference",
        about="item references",
        first=responses(_OSLO, tools=responses_tools(WEATHER)),
        then=(
            post(
                RESPONSES,
                model=MODEL,
                tools=responses_tools(WEATHER),
                input=[
                    user_message("What is the weather?"),
                    {"type": "item_reference", "id": "{1.output.0.id}"},
                    *tool_output("{1.output.0.call_id}", "4 degrees, rain"),
                ],
            ),
            post(RESPONSES, model=MODEL, input=[{"id": "{2.output.0.id}"}, user_message("say: Thank you.")]),
            get(f"{RESPONSES}/{{3.id}}/input_items"),
        ),
    ),
    Scenario(
        name="not-stored",
        about="store false: the response cannot be retrieved",
        first=responses("say: only once", store=False),
        then=(get(_RESPONSE), continue_from("say: no")),
    ),
)

_RETRIEVED: Final = (
    Scenario(name="retrieved", about="a stored response is retrieved", first=_FIRST, then=(get(_RESPONSE),)),
    Scenario(
        name="retrieved-encrypted",
        about="encrypted reasoning is included in a stored response if requested",
        first=responses("thinking: Hm.\nsay: Well."),
        then=(get(_RESPONSE), get(f"{_RESPONSE}?{_INCLUDE_ENCRYPTED}")),
    ),
)

_LISTED: Final = (
    Scenario(
        name="input-items",
        about="the input items of a response, with its history, in pages",
        first=responses("say: A fruit?"),
        then=(
            continue_from(_FRUITS),
            get(f"{RESPONSES}/{{2.id}}/input_items"),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc"),
            get(f"{RESPONSES}/{{2.id}}/input_items?limit=2"),
            get(f"{RESPONSES}/{{2.id}}/input_items?limit=2&after={{5.last_id}}"),
            get(f"{RESPONSES}/{{2.id}}/input_items?limit=2&after={{6.last_id}}"),
        ),
    ),
    Scenario(
        name="input-items-encrypted",
        about="tool calls, outputs and reasoning as input items, with encrypted content if requested",
        first=responses("thinking: Hm.\ncall: clock {}", tools=responses_tools(CLOCK)),
        then=(
            continue_from(tool_output("{1.output.1.call_id}", "noon")),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc"),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc&{_INCLUDE_ENCRYPTED}"),
        ),
    ),
    Scenario(
        name="error-input-items",
        about="invalid parameters of a list",
        first=_FIRST,
        then=tuple(
            get(f"{_RESPONSE}/input_items?{query}")
            for query in ("limit=0", "limit=101", "order=up", "after=msg_1", "limit=1&limit=2")
        ),
    ),
)

_DELETED: Final = (
    Scenario(
        name="deleted",
        about="a deleted response is not found",
        first=_FIRST,
        then=(
            delete(_RESPONSE),
            get(_RESPONSE),
            get(f"{_RESPONSE}/input_items"),
            continue_from("say: no"),
            delete(_RESPONSE),
        ),
    ),
    Scenario(
        name="deleted-ancestor",
        about="a response keeps its history when an earlier one is deleted",
        first=_FIRST,
        then=(
            continue_from("say: second"),
            delete(_RESPONSE),
            continue_from("say: third", "{2.id}"),
            get(f"{RESPONSES}/{{4.id}}/input_items"),
        ),
    ),
)

_REJECTED: Final = (
    Scenario(
        name="error-unknown",
        about="responses and items that do not exist",
        first=get(f"{RESPONSES}/{_ABSENT}"),
        then=(
            delete(f"{RESPONSES}/{_ABSENT}"),
            post(f"{RESPONSES}/{_ABSENT}/cancel"),
            get(f"{RESPONSES}/{_ABSENT}/input_items"),
            continue_from("say: no", _ABSENT),
            post(RESPONSES, model=MODEL, input=[{"type": "item_reference", "id": "msg_1"}]),
        ),
    ),
    Scenario(
        name="error-other-key",
        about="responses and items of another API key are not found",
        first=_FIRST,
        then=(
            as_other_client(get(_RESPONSE)),
            as_other_client(get(f"{_RESPONSE}/input_items")),
            as_other_client(post(f"{_RESPONSE}/cancel")),
            as_other_client(delete(_RESPONSE)),
            as_other_client(continue_from("say: no")),
            as_other_client(post(RESPONSES, model=MODEL, input=[{"type": "item_reference", "id": "{1.output.0.id}"}])),
            get(_RESPONSE),
        ),
    ),
    Scenario(
        name="error-foreground",
        about="a foreground response can be neither cancelled nor streamed again",
        first=_FIRST,
        then=(post(f"{_RESPONSE}/cancel"), get(f"{_RESPONSE}?stream=true")),
    ),
    Scenario(
        name="error-state",
        about="parameters that exclude each other",
        first=continue_from("say: no", "resp_1", conversation="conv_1"),
        then=(
            responses("say: no", store=False, background=True),
            responses("say: no", store=False, conversation="conv_1"),
            responses("say: no", prompt={"id": "pmpt_1"}),
        ),
    ),
)

_INTERRUPTED: Final = (
    Scenario(
        name="failed-streamed",
        about="a failed response is stored and can be continued",
        first=responses("preface: So far so good.\nfail: rate_limit_exceeded", stream=True),
        then=(get(_RESPONSE), continue_from("say: once more")),
    ),
    Scenario(
        name="client-gone-streamed",
        about="the client disconnects: the partial response is stored",
        first=evolve(responses("stall: I was about to say", stream=True), disconnect_after_events=9),
        then=(evolve(get(_RESPONSE), poll_until_done=True), continue_from("say: go on")),
    ),
)

SCENARIOS: Final = (
    *with_streamed(*_CONTINUED, *_RETRIEVED),
    *_LISTED,
    *_DELETED,
    *_REJECTED,
    *_INTERRUPTED,
)
