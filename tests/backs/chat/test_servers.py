"""Responses in the forms of well-known servers, each with the answer that clients get of it.

`streams` holds a directory for each server. `HABIT.sse` is a stream of that server and `HABIT.json` a body
that is not streamed; `HABIT.sse.expected` and `HABIT.json.expected` are the answers. They are written after the
servers' documentation, sources and issue trackers; they are not recorded. `gateway` holds what several servers do.

An answer has the members that clients read: at Chat the message and its finish reason, at Responses the status
and the output without ids and empty lists, and the usage as it is counted. `summary` says that the request asks
for `reasoning.summary`. A failure has its error, and `before`: the text that was sent before it.
"""

from pathlib import Path
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import ReasoningOptions, Tool, Turn
from codexd.wire import json
from tests.support.chat_chunks import TURN, translate
from tests.support.chunking import chunkings
from tests.support.endpoints import ENDPOINTS, Endpoint

PLACE = Path(__file__).parent / "streams"
PATHS = [path for path in sorted(PLACE.glob("*/*.*")) if path.suffix != ".expected"]
STREAMS = {str(path.relative_to(PLACE)): path.read_bytes() for path in PATHS}
ENDPOINT = {endpoint.name: endpoint for endpoint in ENDPOINTS}
ASKED = evolve(TURN, tools=(Tool(name="get_weather"), Tool(name="get_time")))


def expected(name: str) -> Any:
    """Return the recorded answer of a response."""
    return json.decode((PLACE / f"{name}.expected").read_bytes())


def turn(name: str) -> Turn:
    """Return the turn that a response answers."""
    return evolve(ASKED, reasoning=ReasoningOptions(summary=expected(name).get("summary")))


def answer(events: list[e.Event], summary: str | None) -> Any:
    """Return the answer that clients get of these events, in the form of the files."""
    reply, asked = fold(events), {} if summary is None else {"summary": summary}
    if reply.fault is not None:
        error = {name: getattr(reply.fault, name) for name in ("status", "code", "message")}
        return {"error": error, "before": reply.text}
    assert reply.usage is not None
    shown = {"chat": chat(events), "responses": responses(events), "usage": usage(reply.usage)}
    return asked | shown


def usage(counted: e.Usage) -> Any:
    if counted.estimated:
        return "estimated"
    return {name: getattr(counted, f"{name}_tokens") for name in ("input", "cached", "output", "reasoning")}


def chat(events: list[e.Event]) -> Any:
    choice = json.decode(ENDPOINT["chat"].body_of(events))["choices"][0]
    return {"message": visible(choice["message"], "role"), "finish_reason": choice["finish_reason"]}


def responses(events: list[e.Event]) -> Any:
    body = json.decode(ENDPOINT["responses"].body_of(events))
    reason = {} if body["incomplete_details"] is None else body["incomplete_details"]
    return {"status": body["status"], **reason, "output": [visible(item, "id", "role") for item in body["output"]]}


def visible(value: Any, *hidden: str) -> Any:
    """Return a value without hidden members, nulls and empty lists."""
    if isinstance(value, list):
        return [visible(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: visible(one) for name, one in value.items() if name not in hidden and one not in (None, [])}


class ServerTests(SynchronousTestCase):
    def test_every_response_has_its_answer(self) -> None:
        for name, data in STREAMS.items():
            found = answer(translate(data, turn=turn(name)), expected(name).get("summary"))
            self.assertEqual(found, expected(name), name)

    def test_every_answer_has_its_response(self) -> None:
        answers = {str(path.relative_to(PLACE).with_suffix("")) for path in PLACE.glob("*/*.expected")}
        self.assertEqual(answers, STREAMS.keys())

    def test_a_stream_and_a_body_for_the_client_are_the_same_answer(self) -> None:
        for name, data in STREAMS.items():
            events = translate(data, turn=turn(name))
            for endpoint in (ENDPOINT["chat"], ENDPOINT["responses"]):
                self.check_stream(endpoint, events, name)

    def check_stream(self, endpoint: Endpoint, events: list[e.Event], name: str) -> None:
        reply: Reply = fold(events)
        if reply.fault is not None:
            self.assertEqual(endpoint.error(endpoint.stream(events)), reply.fault.message, name)
            return
        self.assertEqual(endpoint.merge(endpoint.stream(events)), json.decode(endpoint.body_of(events)), name)

    def test_the_form_of_lines_and_fields_does_not_matter(self) -> None:
        for name, data in STREAMS.items():
            events = translate(data, turn=turn(name))
            forms = (
                data.replace(b"\n", b"\r\n"),
                data.replace(b"\n", b"\r"),
                data.replace(b"data: ", b"data:"),
                b"\xef\xbb\xbf" + data,
                b"\n\n" + data,
                data.replace(b"\n\n", b"\n\n: keep-alive\n\nid: 1\nretry: 5\n\n"),
                data.rstrip(b"\n"),
            )
            for form in forms if name.endswith(".sse") else forms[3:5]:
                self.assertEqual(translate(form, turn=turn(name)), events, (name, form))

    @given(st.sampled_from(sorted(STREAMS)), st.data())
    def test_any_chunking_gives_the_same_events(self, name: str, data: st.DataObject) -> None:
        pieces = data.draw(chunkings(STREAMS[name]))
        self.assertEqual(translate(*pieces, turn=turn(name)), translate(STREAMS[name], turn=turn(name)))
