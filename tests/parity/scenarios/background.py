"""Background responses: polled, streamed, resumed, cancelled."""

from typing import Final

from attrs import evolve

from codexd.wire.json import Json
from tests.parity.scenario import RESPONSES, Scenario, ScenarioRequest
from tests.parity.scenarios.request_bodies import CLOCK, delete, get, post, responses, responses_tools
from tests.parity.scenarios.stored_responses import continue_from, tool_output

_RESPONSE: Final = f"{RESPONSES}/{{1.id}}"
_POLL: Final = evolve(get(_RESPONSE), poll_until_done=True)
_CANCEL: Final = post(f"{_RESPONSE}/cancel")

_EVENTS_WITH_TEXT: Final = 5 + 5
"""Events of a stream after five words: created, queued, in_progress, item and part come before them."""


def _start(text: str, **members: Json) -> ScenarioRequest:
    return responses(text, background=True, **members)


def _start_stream(text: str, disconnect_after_events: int | None = None, **members: Json) -> ScenarioRequest:
    return evolve(_start(text, stream=True, **members), disconnect_after_events=disconnect_after_events)


_UNFINISHED: Final = _start_stream("stall: This will never end anyway", _EVENTS_WITH_TEXT)
"""The client disconnects after the last word; the response stays in progress."""

_POLLED: Final = (
    Scenario(
        "background",
        "a background response: polled, continued, and its stream replayed",
        _start("say: slowly but surely"),
        (_POLL, continue_from("say: second"), get(f"{_RESPONSE}?stream=true")),
    ),
    Scenario(
        "background-tools",
        "a tool call of a background response, and its output in another",
        _start("thinking: Hm.\ncall: clock {}", tools=responses_tools(CLOCK)),
        (
            _POLL,
            continue_from(tool_output("{2.output.1.call_id}", "noon"), background=True),
            evolve(get(f"{RESPONSES}/{{3.id}}"), poll_until_done=True),
        ),
    ),
    Scenario(
        "background-failed",
        "a background response fails",
        _start("fail: 500"),
        (_POLL, get(f"{_RESPONSE}?stream=true")),
    ),
    Scenario(
        "background-incomplete",
        "an incomplete background response",
        _start("incomplete: max_output_tokens Half an ans"),
        (_POLL,),
    ),
)

_STREAMED: Final = (
    Scenario(
        "background-streamed",
        "a background response, streamed to its end",
        _start_stream("say: to the end"),
        (get(_RESPONSE), get(f"{_RESPONSE}?stream=true")),
    ),
    Scenario(
        "background-resumed-streamed",
        "a background stream is resumed after any event",
        _start_stream("say: One two three four five six.", 8),
        (
            get(f"{_RESPONSE}?stream=true&starting_after=7"),
            get(f"{_RESPONSE}?stream=true&starting_after=12"),
            get(f"{_RESPONSE}?stream=true&starting_after=99"),
            get(f"{_RESPONSE}?stream=true&starting_after=no"),
        ),
    ),
    Scenario(
        "background-failed-streamed",
        "a background response fails after some text",
        _start_stream("preface: So far so good.\nfail: rate_limit_exceeded"),
        (get(_RESPONSE),),
    ),
)

_STOPPED: Final = (
    Scenario(
        "background-cancelled-streamed",
        "a background response is cancelled, twice",
        _UNFINISHED,
        (
            get(_RESPONSE),
            continue_from("say: not yet"),
            _CANCEL,
            _CANCEL,
            get(_RESPONSE),
            get(f"{_RESPONSE}?stream=true&starting_after=9"),
            continue_from("say: after all"),
        ),
    ),
    Scenario(
        "background-deleted-streamed",
        "a background response is deleted while it runs",
        _UNFINISHED,
        (delete(_RESPONSE), get(_RESPONSE)),
    ),
    Scenario(
        "background-cancelled-late",
        "cancelling a completed background response changes nothing",
        _start("say: too late"),
        (_POLL, _CANCEL),
    ),
)

SCENARIOS: Final = (*_POLLED, *_STREAMED, *_STOPPED)
