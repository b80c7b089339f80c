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
        name="background",
        about="a background response: polled, continued, and its stream replayed",
        first=_start("say: slowly but surely"),
        then=(_POLL, continue_from("say: second"), get(f"{_RESPONSE}?stream=true")),
    ),
    Scenario(
        name="background-tools",
        about="a tool call of a background response, and its output in another",
        first=_start("thinking: Hm.\ncall: clock {}", tools=responses_tools(CLOCK)),
        then=(
            _POLL,
            continue_from(tool_output("{2.output.1.call_id}", "noon"), background=True),
            evolve(get(f"{RESPONSES}/{{3.id}}"), poll_until_done=True),
        ),
    ),
    Scenario(
        name="background-failed",
        about="a background response fails",
        first=_start("fail: 500"),
        then=(_POLL, get(f"{_RESPONSE}?stream=true")),
    ),
    Scenario(
        name="background-incomplete",
        about="an incomplete background response",
        first=_start("incomplete: max_output_tokens Half an ans"),
        then=(_POLL,),
    ),
)

_STREAMED: Final = (
    Scenario(
        name="background-streamed",
        about="a background response, streamed to its end",
        first=_start_stream("say: to the end"),
        then=(get(_RESPONSE), get(f"{_RESPONSE}?stream=true")),
    ),
    Scenario(
        name="background-resumed-streamed",
        about="a background stream is resumed after any event",
        first=_start_stream("say: One two three four five six.", 8),
        then=(
            get(f"{_RESPONSE}?stream=true&starting_after=7"),
            get(f"{_RESPONSE}?stream=true&starting_after=12"),
            get(f"{_RESPONSE}?stream=true&starting_after=99"),
            get(f"{_RESPONSE}?stream=true&starting_after=no"),
        ),
    ),
    Scenario(
        name="background-failed-streamed",
        about="a background response fails after some text",
        first=_start_stream("preface: So far so good.\nfail: rate_limit_exceeded"),
        then=(get(_RESPONSE),),
    ),
)

_STOPPED: Final = (
    Scenario(
        name="background-cancelled-streamed",
        about="a background response is cancelled, twice",
        first=_UNFINISHED,
        then=(
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
        name="background-deleted-streamed",
        about="a background response is deleted while it runs",
        first=_UNFINISHED,
        then=(delete(_RESPONSE), get(_RESPONSE)),
    ),
    Scenario(
        name="background-cancelled-late",
        about="cancelling a completed background response changes nothing",
        first=_start("say: too late"),
        then=(_POLL, _CANCEL),
    ),
)

SCENARIOS: Final = (*_POLLED, *_STREAMED, *_STOPPED)
