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
        "continued",
        "continues a stored response; instructions are not inherited",
        responses("say: first", instructions="Talk like a sailor."),
        (
            continue_from("say: second"),
            continue_from("say: third", "{2.id}", instructions="Talk like a cook."),
        ),
    ),
    Scenario(
        "continued-tools",
        "sends the output of a stored tool call, without the tools",
        responses(_OSLO, tools=responses_tools(WEATHER)),
        (
            continue_from(tool_output("{1.output.0.call_id}", "4 degrees, rain")),
            continue_from("say: Thank you.", "{2.id}"),
        ),
    ),
    Scenario(
        "continued-reasoning",
        "continues stored reasoning with its encrypted content, which the client never received",
        responses("thinking: Hm.\ncall: clock {}", tools=responses_tools(CLOCK)),
        (continue_from(tool_output("{1.output.1.call_id}", "noon"), tools=responses_tools(CLOCK)),),
    ),
    Scenario(
        "continued-incomplete",
        "continues an incomplete response",
        responses("incomplete: max_output_tokens Half an ans"),
        (continue_from("say: the other half"),),
    ),
    Scenario(
        "branches",
        "two responses continue the same one",
        _FIRST,
        (
            continue_from("say: one way"),
            continue_from("say: another way"),
            get(f"{RESPONSES}/{{3.id}}/input_items"),
        ),
    ),
    Scenario(
        "reference",
        "item references",
        responses(_OSLO, tools=responses_tools(WEATHER)),
        (
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
        "not-stored",
        "store false: the response cannot be retrieved",
        responses("say: only once", store=False),
        (get(_RESPONSE), continue_from("say: no")),
    ),
)

_RETRIEVED: Final = (
    Scenario("retrieved", "a stored response is retrieved", _FIRST, (get(_RESPONSE),)),
    Scenario(
        "retrieved-encrypted",
        "encrypted reasoning is included in a stored response if requested",
        responses("thinking: Hm.\nsay: Well."),
        (get(_RESPONSE), get(f"{_RESPONSE}?{_INCLUDE_ENCRYPTED}")),
    ),
)

_LISTED: Final = (
    Scenario(
        "input-items",
        "the input items of a response, with its history, in pages",
        responses("say: A fruit?"),
        (
            continue_from(_FRUITS),
            get(f"{RESPONSES}/{{2.id}}/input_items"),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc"),
            get(f"{RESPONSES}/{{2.id}}/input_items?limit=2"),
            get(f"{RESPONSES}/{{2.id}}/input_items?limit=2&after={{5.last_id}}"),
            get(f"{RESPONSES}/{{2.id}}/input_items?limit=2&after={{6.last_id}}"),
        ),
    ),
    Scenario(
        "input-items-encrypted",
        "tool calls, outputs and reasoning as input items, with encrypted content if requested",
        responses("thinking: Hm.\ncall: clock {}", tools=responses_tools(CLOCK)),
        (
            continue_from(tool_output("{1.output.1.call_id}", "noon")),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc"),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc&{_INCLUDE_ENCRYPTED}"),
        ),
    ),
    Scenario(
        "error-input-items",
        "invalid parameters of a list",
        _FIRST,
        tuple(
            get(f"{_RESPONSE}/input_items?{query}")
            for query in ("limit=0", "limit=101", "order=up", "after=msg_1", "limit=1&limit=2")
        ),
    ),
)

_DELETED: Final = (
    Scenario(
        "deleted",
        "a deleted response is not found",
        _FIRST,
        (
            delete(_RESPONSE),
            get(_RESPONSE),
            get(f"{_RESPONSE}/input_items"),
            continue_from("say: no"),
            delete(_RESPONSE),
        ),
    ),
    Scenario(
        "deleted-ancestor",
        "a response keeps its history when an earlier one is deleted",
        _FIRST,
        (
            continue_from("say: second"),
            delete(_RESPONSE),
            continue_from("say: third", "{2.id}"),
            get(f"{RESPONSES}/{{4.id}}/input_items"),
        ),
    ),
)

_REJECTED: Final = (
    Scenario(
        "error-unknown",
        "responses and items that do not exist",
        get(f"{RESPONSES}/{_ABSENT}"),
        (
            delete(f"{RESPONSES}/{_ABSENT}"),
            post(f"{RESPONSES}/{_ABSENT}/cancel"),
            get(f"{RESPONSES}/{_ABSENT}/input_items"),
            continue_from("say: no", _ABSENT),
            post(RESPONSES, model=MODEL, input=[{"type": "item_reference", "id": "msg_1"}]),
        ),
    ),
    Scenario(
        "error-other-key",
        "responses and items of another API key are not found",
        _FIRST,
        (
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
        "error-foreground",
        "a foreground response can be neither cancelled nor streamed again",
        _FIRST,
        (post(f"{_RESPONSE}/cancel"), get(f"{_RESPONSE}?stream=true")),
    ),
    Scenario(
        "error-state",
        "parameters that exclude each other",
        continue_from("say: no", "resp_1", conversation="conv_1"),
        (
            responses("say: no", store=False, background=True),
            responses("say: no", store=False, conversation="conv_1"),
            responses("say: no", prompt={"id": "pmpt_1"}),
        ),
    ),
)

_INTERRUPTED: Final = (
    Scenario(
        "failed-streamed",
        "a failed response is stored and can be continued",
        responses("preface: So far so good.\nfail: rate_limit_exceeded", stream=True),
        (get(_RESPONSE), continue_from("say: once more")),
    ),
    Scenario(
        "client-gone-streamed",
        "the client disconnects: the partial response is stored",
        evolve(responses("stall: I was about to say", stream=True), disconnect_after_events=9),
        (evolve(get(_RESPONSE), poll_until_done=True), continue_from("say: go on")),
    ),
)

SCENARIOS: Final = (
    *with_streamed(*_CONTINUED, *_RETRIEVED),
    *_LISTED,
    *_DELETED,
    *_REJECTED,
    *_INTERRUPTED,
)
