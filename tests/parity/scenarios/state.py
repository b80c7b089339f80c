"""Answers that are kept: gone on from, shown again, listed, deleted; and what is not there, or not yours."""

from typing import Final

from attrs import evolve

from codexd.wire.json import Json
from tests.parity.scenario import RESPONSES, Ask, Scenario
from tests.parity.scenarios.bodies import (
    CLOCK,
    MODEL,
    WEATHER,
    both_ways,
    delete,
    flat,
    get,
    post,
    responses,
    user,
)
from tests.parity.stage import STRANGER, key

_FIRST: Final = responses("say: first")
_LAST: Final = f"{RESPONSES}/{{1.id}}"
_SEALED: Final = "include[]=reasoning.encrypted_content"
_OSLO: Final = 'call: weather {"city": "Oslo"}'
_ABSENT: Final = "resp_0123456789abcdef01234567"

_FRUITS: Final[list[Json]] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "An apple."}]},
    {"type": "message", "id": "msg_mine", "role": "assistant", "content": "And a pear."},
    user("say: And a plum."),
]


def further(text: Json, previous: str = "{1.id}", **members: Json) -> Ask:
    """Go on from a kept answer."""
    return post(RESPONSES, model=MODEL, input=text, previous_response_id=previous, **members)


def result(call: str, output: str) -> list[Json]:
    """Give what a tool's call came to, and nothing else."""
    return [{"type": "function_call_output", "call_id": call, "output": output}]


def stranger(ask: Ask) -> Ask:
    """Let somebody else ask."""
    return evolve(ask, headers=(("Authorization", f"Bearer {key(STRANGER)}"),))


_CONTINUED: Final = (
    Scenario(
        "continued",
        "goes on from a kept answer; the instructions are not inherited",
        responses("say: first", instructions="Talk like a sailor."),
        (further("say: second"), further("say: third", "{2.id}", instructions="Talk like a cook.")),
    ),
    Scenario(
        "continued-tools",
        "a kept call gets its output, and the tools are not sent again",
        responses(_OSLO, tools=flat(WEATHER)),
        (further(result("{1.output.0.call_id}", "4 degrees, rain")), further("say: Thank you.", "{2.id}")),
    ),
    Scenario(
        "continued-reasoning",
        "a kept thought goes on with its sealed content, though its client never saw that",
        responses("thinking: Hm.\ncall: clock {}", tools=flat(CLOCK)),
        (further(result("{1.output.1.call_id}", "noon"), tools=flat(CLOCK)),),
    ),
    Scenario(
        "continued-incomplete",
        "goes on from half an answer",
        responses("incomplete: max_output_tokens Half an ans"),
        (further("say: the other half"),),
    ),
    Scenario(
        "branches",
        "two answers go on from one",
        _FIRST,
        (further("say: one way"), further("say: another way"), get(f"{RESPONSES}/{{3.id}}/input_items")),
    ),
    Scenario(
        "reference",
        "items are sent again by their ids",
        responses(_OSLO, tools=flat(WEATHER)),
        (
            post(
                RESPONSES,
                model=MODEL,
                tools=flat(WEATHER),
                input=[
                    user("What is the weather?"),
                    {"type": "item_reference", "id": "{1.output.0.id}"},
                    *result("{1.output.0.call_id}", "4 degrees, rain"),
                ],
            ),
            post(RESPONSES, model=MODEL, input=[{"id": "{2.output.0.id}"}, user("say: Thank you.")]),
            get(f"{RESPONSES}/{{3.id}}/input_items"),
        ),
    ),
    Scenario(
        "not-stored",
        "an answer that is not to be kept is gone",
        responses("say: only once", store=False),
        (get(_LAST), further("say: no")),
    ),
)

_SHOWN: Final = (
    Scenario("retrieved", "an answer is shown again as it was", _FIRST, (get(_LAST),)),
    Scenario(
        "retrieved-encrypted",
        "sealed reasoning is shown where it is asked for",
        responses("thinking: Hm.\nsay: Well."),
        (get(_LAST), get(f"{_LAST}?{_SEALED}")),
    ),
)

_LISTED: Final = (
    Scenario(
        "input-items",
        "what the model was shown, the history before the answer's own input, a page at a time",
        responses("say: A fruit?"),
        (
            further(_FRUITS),
            get(f"{RESPONSES}/{{2.id}}/input_items"),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc"),
            get(f"{RESPONSES}/{{2.id}}/input_items?limit=2"),
            get(f"{RESPONSES}/{{2.id}}/input_items?limit=2&after={{5.last_id}}"),
            get(f"{RESPONSES}/{{2.id}}/input_items?limit=2&after={{6.last_id}}"),
        ),
    ),
    Scenario(
        "input-items-encrypted",
        "calls, their outputs and thoughts are listed, sealed or not",
        responses("thinking: Hm.\ncall: clock {}", tools=flat(CLOCK)),
        (
            further(result("{1.output.1.call_id}", "noon")),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc"),
            get(f"{RESPONSES}/{{2.id}}/input_items?order=asc&{_SEALED}"),
        ),
    ),
    Scenario(
        "error-input-items",
        "pages that there are not",
        _FIRST,
        tuple(
            get(f"{_LAST}/input_items?{query}")
            for query in ("limit=0", "limit=101", "order=up", "after=msg_1", "limit=1&limit=2")
        ),
    ),
)

_DELETED: Final = (
    Scenario(
        "deleted",
        "a deleted answer is nowhere",
        _FIRST,
        (
            delete(_LAST),
            get(_LAST),
            get(f"{_LAST}/input_items"),
            further("say: no"),
            delete(_LAST),
        ),
    ),
    Scenario(
        "deleted-ancestor",
        "what goes on from a deleted answer keeps its whole history",
        _FIRST,
        (
            further("say: second"),
            delete(_LAST),
            further("say: third", "{2.id}"),
            get(f"{RESPONSES}/{{4.id}}/input_items"),
        ),
    ),
)

_REFUSED: Final = (
    Scenario(
        "error-unknown",
        "answers and items that there are not",
        get(f"{RESPONSES}/{_ABSENT}"),
        (
            delete(f"{RESPONSES}/{_ABSENT}"),
            post(f"{RESPONSES}/{_ABSENT}/cancel"),
            get(f"{RESPONSES}/{_ABSENT}/input_items"),
            further("say: no", _ABSENT),
            post(RESPONSES, model=MODEL, input=[{"type": "item_reference", "id": "msg_1"}]),
        ),
    ),
    Scenario(
        "error-other-key",
        "somebody else's answers and items are not there",
        _FIRST,
        (
            stranger(get(_LAST)),
            stranger(get(f"{_LAST}/input_items")),
            stranger(post(f"{_LAST}/cancel")),
            stranger(delete(_LAST)),
            stranger(further("say: no")),
            stranger(
                post(RESPONSES, model=MODEL, input=[{"type": "item_reference", "id": "{1.output.0.id}"}])
            ),
            get(_LAST),
        ),
    ),
    Scenario(
        "error-foreground",
        "an answer that was not in the background is neither cancelled nor streamed again",
        _FIRST,
        (post(f"{_LAST}/cancel"), get(f"{_LAST}?stream=true")),
    ),
    Scenario(
        "error-state",
        "what does not go together",
        further("say: no", "resp_1", conversation="conv_1"),
        (
            responses("say: no", store=False, background=True),
            responses("say: no", store=False, conversation="conv_1"),
            responses("say: no", prompt={"id": "pmpt_1"}),
        ),
    ),
)

_CUT: Final = (
    Scenario(
        "failed-streamed",
        "an answer that fails is kept, and can be gone on from",
        responses("preface: So far so good.\nfail: rate_limit_exceeded", stream=True),
        (get(_LAST), further("say: once more")),
    ),
    Scenario(
        "client-gone-streamed",
        "an answer whose client leaves is kept as far as it came",
        evolve(responses("stall: I was about to say", stream=True), leaves_after=9),
        (evolve(get(_LAST), awaits_end=True), further("say: go on")),
    ),
)

SCENARIOS: Final = (
    *both_ways(*_CONTINUED, *_SHOWN),
    *_LISTED,
    *_DELETED,
    *_REFUSED,
    *_CUT,
)
