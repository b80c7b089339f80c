"""Answers that go on without their client: polled, streamed, taken up again, cancelled."""

from typing import Final

from attrs import evolve

from codexd.wire.json import Json
from tests.parity.scenario import RESPONSES, Ask, Scenario
from tests.parity.scenarios.bodies import CLOCK, delete, flat, get, post, responses
from tests.parity.scenarios.state import further, result

_IT: Final = f"{RESPONSES}/{{1.id}}"
_POLL: Final = evolve(get(_IT), awaits_end=True)
_CANCEL: Final = post(f"{_IT}/cancel")

_SPOKEN: Final = 5 + 5
"""Events of a stream that has said five words; before them it tells that it was created, is queued and is in
progress, of an item, and of its part."""


def _asked(text: str, **members: Json) -> Ask:
    return responses(text, background=True, **members)


def _streamed(text: str, leaves_after: int | None = None, **members: Json) -> Ask:
    return evolve(_asked(text, stream=True, **members), leaves_after=leaves_after)


_ENDLESS: Final = _streamed("stall: This will never end anyway", _SPOKEN)
"""Left by its client when all that there is was said."""

_POLLED: Final = (
    Scenario(
        "background",
        "an answer in the background: accepted, polled, gone on from, and its stream told afterwards",
        _asked("say: slowly but surely"),
        (_POLL, further("say: second"), get(f"{_IT}?stream=true")),
    ),
    Scenario(
        "background-tools",
        "a call in the background, and its output to another one",
        _asked("thinking: Hm.\ncall: clock {}", tools=flat(CLOCK)),
        (
            _POLL,
            further(result("{2.output.1.call_id}", "noon"), background=True),
            evolve(get(f"{RESPONSES}/{{3.id}}"), awaits_end=True),
        ),
    ),
    Scenario(
        "background-failed",
        "an answer that fails in the background",
        _asked("fail: 500"),
        (_POLL, get(f"{_IT}?stream=true")),
    ),
    Scenario(
        "background-incomplete",
        "half an answer in the background",
        _asked("incomplete: max_output_tokens Half an ans"),
        (_POLL,),
    ),
)

_TOLD: Final = (
    Scenario(
        "background-streamed",
        "an answer in the background to a client that stays",
        _streamed("say: to the end"),
        (get(_IT), get(f"{_IT}?stream=true")),
    ),
    Scenario(
        "background-resumed-streamed",
        "a stream is left and taken up again, anywhere",
        _streamed("say: One two three four five six.", 8),
        (
            get(f"{_IT}?stream=true&starting_after=7"),
            get(f"{_IT}?stream=true&starting_after=12"),
            get(f"{_IT}?stream=true&starting_after=99"),
            get(f"{_IT}?stream=true&starting_after=no"),
        ),
    ),
    Scenario(
        "background-failed-streamed",
        "an answer fails in the background after a text",
        _streamed("preface: So far so good.\nfail: rate_limit_exceeded"),
        (get(_IT),),
    ),
)

_STOPPED: Final = (
    Scenario(
        "background-cancelled-streamed",
        "an answer is cancelled; once more changes nothing",
        _ENDLESS,
        (
            get(_IT),
            further("say: not yet"),
            _CANCEL,
            _CANCEL,
            get(_IT),
            get(f"{_IT}?stream=true&starting_after=9"),
            further("say: after all"),
        ),
    ),
    Scenario(
        "background-deleted-streamed",
        "an answer is deleted while it runs",
        _ENDLESS,
        (delete(_IT), get(_IT)),
    ),
    Scenario(
        "background-cancelled-late",
        "an answer that is over stays as it is",
        _asked("say: too late"),
        (_POLL, _CANCEL),
    ),
)

SCENARIOS: Final = (*_POLLED, *_TOLD, *_STOPPED)
