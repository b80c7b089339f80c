"""Every object and event of the Responses door is valid by the published Open Responses schema."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.exchange import Stamp
from codexd.neutral import event as e
from codexd.neutral.reply import fold
from codexd.neutral.turn import Turn
from codexd.wire.json import Json, decode, encode
from tests.support import responses_stream
from tests.support.open_responses import BEYOND_EVENTS, EVENT, EVENTS, RESPONSE, violations
from tests.support.responses_requests import SOMEONE, as_request, ask
from tests.support.responses_turns import turns
from tests.support.sentences import broken_sentences, sentences

Sentence = tuple[e.Event, ...]

FIXTURES = Path(__file__).parents[3] / "fixtures"
STAMP = Stamp("5eed", 1700000000, "gpt-5", clock=lambda: 1700000007.9)
EXCHANGE = ask(include=["reasoning.encrypted_content"], tools=[{"type": "function", "name": "f"}])
TALKATIVE: Sentence = (
    e.Began(),
    e.ReasoningOpened(0, "rs_1"),
    e.SummaryDelta(0, 0, "a"),
    e.ThoughtDelta(0, 0, "b"),
    e.ReasoningClosed(0, "sealed"),
    e.MessageOpened(1, "msg_1", "commentary"),
    e.TextDelta(1, "c"),
    e.RefusalDelta(1, "d"),
    e.MessageClosed(1),
    e.CallOpened(2, "fc_1", "call_1", "f"),
    e.CallDelta(2, "{}"),
    e.CallClosed(2),
    e.UsageReported(e.Usage(1, 1, 1, 1, 1)),
    e.Ended("tool_calls"),
)
# Members of our answers, by the type of what has them, that the schema does not know ...
UNKNOWN = frozenset(
    (
        (None, "user"),
        (None, "conversation"),
        (None, "cache_write_tokens"),
        ("reasoning", "status"),
        ("response.function_call_arguments.done", "name"),
    )
)
# ... or lets be left out, or be any object.
MAY_MISS = UNKNOWN | {
    ("message", "phase"),
    ("reasoning", "content"),
    ("reasoning", "encrypted_content"),
    ("output_text", "logprobs"),
    ("response.output_text.delta", "logprobs"),
    ("response.output_text.done", "logprobs"),
}
MAY_BE_ANYTHING = UNKNOWN | {(None, "metadata"), ("function", "parameters")}


def stream(sentence: Sentence) -> list[Json]:
    """Give the events of a sentence, with a keep-alive at its end."""
    encoder = EXCHANGE.encoder(STAMP)
    frames = [frame for event in sentence for frame in encoder.feed(event)]
    return responses_stream.read(b"".join([*frames, encoder.keepalive()]))


def places(node: Json) -> Iterator[tuple[dict[str, Any], str]]:
    """Give every member of every object in a value."""
    if isinstance(node, dict):
        yield from ((node, name) for name in node)
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from places(one)


def recorded() -> Iterator[tuple[str, list[Json], Json]]:
    """Give the events and the body of each recorded answer; a mark in a time's place is read as a time."""
    for page in sorted(FIXTURES.glob("responses-*/*.response.http")):
        head, _, body = re.sub(rb'"<time[^"]*>"', b"1700000000", page.read_bytes()).partition(b"\n\n")
        if b"event-stream" in head:
            yield page.parent.name, responses_stream.read(body), None
        elif head.startswith(b"HTTP/1.1 200"):
            yield page.parent.name, [], decode(body)


class AnswerTests(SynchronousTestCase):
    def assert_events(self, events: list[Json], about: Any = None) -> None:
        for event in events:
            self.assertEqual(violations(EVENT, event), [], about)

    def test_every_recorded_answer_is_valid(self) -> None:
        answers = list(recorded())
        self.assertGreater(len(answers), 60)
        for name, events, body in answers:
            self.assert_events(events, name)
            if not events:
                self.assertEqual(violations(RESPONSE, body), [], name)

    @given(sentences() | broken_sentences())
    def test_every_event_of_any_answer_is_valid(self, sentence: Sentence) -> None:
        self.assert_events(stream(sentence))

    @given(sentences())
    def test_any_whole_answer_is_valid(self, sentence: Sentence) -> None:
        self.assertEqual(violations(RESPONSE, decode(EXCHANGE.render((fold(sentence),), STAMP))), [])

    @given(turns())
    def test_whatever_was_asked_is_repeated_validly(self, turn: Turn) -> None:
        exchange = responses.decode(encode(as_request(turn)), SOMEONE)
        self.assertEqual(violations(RESPONSE, decode(exchange.render((fold(TALKATIVE),), STAMP))), [])

    def test_codex_word_for_no_summary_is_repeated_as_null(self) -> None:
        exchange = ask(reasoning={"effort": "low", "summary": "none"})
        whole = decode(exchange.render((fold(TALKATIVE),), STAMP))
        self.assertEqual(whole["reasoning"], {"effort": "low", "summary": None})


class CheckerTests(SynchronousTestCase):
    """The tables object to what is missing or of another type, wherever it stands."""

    def test_a_talkative_answer_has_nearly_every_event_of_the_schema(self) -> None:
        kinds = {event["type"] for event in (*stream(TALKATIVE), *stream((e.Began(), e.Ended("length"))))}
        never = {"error", "response.reasoning.delta", "response.reasoning.done"}
        later = {"response.queued", "response.failed", "response.output_text.annotation.added"}
        self.assertEqual(set(EVENTS) - kinds, never | later)
        self.assertLessEqual(kinds - set(EVENTS), set(BEYOND_EVENTS))

    def test_nothing_that_must_be_there_can_be_left_out_or_be_of_no_type(self) -> None:
        for event in stream(TALKATIVE):
            for node, name in list(places(event)):
                place = (node.get("type"), name)
                kept = node.pop(name)
                self.assertEqual(violations(EVENT, event) == [], place in MAY_MISS, place)
                node[name] = {"of": "no type"}
                self.assertEqual(violations(EVENT, event) == [], place in MAY_BE_ANYTHING, place)
                node[name] = kept

    def test_an_unknown_type_is_a_violation(self) -> None:
        for stranger in ({"type": "response.novel", "sequence_number": 0}, {}, [], None):
            self.assertEqual(len(violations(EVENT, stranger)), 1)
