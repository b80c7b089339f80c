"""Every object and event of the Responses API is valid by the published Open Responses schema."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.responses import replay, stored
from codexd.fronts.responses.tool_events import build_encoder
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import Reply, fold
from codexd.neutral.stored import LoadedHistory
from codexd.neutral.turn import Turn
from codexd.transcripts.archive import decode as decode_archive
from codexd.wire.json import Json, decode, encode
from tests.support import responses_stream
from tests.support.framing import FoldingEncoder, framed
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.open_responses import BEYOND_EVENTS, EVENT, EVENTS, ITEM, RESPONSE, violations
from tests.support.responses_requests import SOMEONE, decode_request, encode_turn
from tests.support.responses_turns import turns
from tests.support.sentences import Sentence, broken_sentences, sentences

FIXTURES = Path(__file__).parents[3] / "fixtures"
EXCHANGE = decode_request(include=["reasoning.encrypted_content"], tools=[{"type": "function", "name": "f"}])
TALKATIVE: Sentence = (
    e.Began(),
    e.ReasoningOpened(0, "rs_1"),
    e.SummaryDelta(0, 0, "a"),
    e.ThoughtDelta(0, 0, "b"),
    e.ReasoningClosed(0, "sealed"),
    e.MessageOpened(1, "msg_1", "commentary"),
    e.TextDelta(1, "c", '[{"token":"c","logprob":-1.0,"bytes":[99],"top_logprobs":[]}]'),
    e.Annotated(1, '{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":1}'),
    e.RefusalDelta(1, "d"),
    e.MessageClosed(1),
    e.CallOpened(index=2, id="fc_1", call_id="call_1", name="f"),
    e.CallDelta(2, "{}"),
    e.CallClosed(2),
    e.SearchOpened(3, "ws_1"),
    e.SearchClosed(3),
    e.UsageReported(
        e.Usage(input_tokens=1, cached_tokens=1, cache_write_tokens=1, output_tokens=1, reasoning_tokens=1)
    ),
    e.Ended("tool_calls"),
)
# Members of our answers, by the type of what has them, that the schema does not know ...
UNKNOWN = frozenset(
    (
        (None, "user"),
        (None, "conversation"),
        (None, "cache_write_tokens"),
        ("reasoning", "status"),
        ("search", "type"),
        ("response.function_call_arguments.done", "name"),
        *((f"response.output_tool_call.{stage}", "response_id") for stage in ("begin", "delta", "end")),
        *((f"response.output_tool_call.{stage}", "name") for stage in ("delta", "end")),
        *((f"response.output_tool_call.{stage}", "call_id") for stage in ("delta", "end")),
    )
)
# ... or lets be left out, or be any object.
MAY_MISS = UNKNOWN | {
    ("message", "phase"),
    ("reasoning", "content"),
    ("reasoning", "encrypted_content"),
    ("web_search_call", "action"),
    ("output_text", "logprobs"),
    ("response.output_text.delta", "logprobs"),
    ("response.output_text.done", "logprobs"),
}
MAY_BE_ANYTHING = UNKNOWN | {(None, "metadata"), ("function", "parameters"), ("web_search_call", "action")}


def stream(sentence: Sentence, queued: bool = False, tool_events: bool = False) -> list[Json]:
    """Return the events of a sentence, with a keep-alive at its end."""
    encoder = FoldingEncoder(lambda folds: build_encoder(RESPONSES_IDENTITY, EXCHANGE.echo, folds[0], tool_events))
    events = encoder.queued() if queued else []
    events += [one for event in sentence for one in encoder.feed(event)]
    keepalive = encoder.keep_alive()
    assert keepalive is not None
    return responses_stream.read(framed([*events, keepalive]))


def places(node: Json) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every member of every object in a value."""
    if isinstance(node, dict):
        yield from ((node, name) for name in node)
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from places(one)


def recorded() -> Iterator[tuple[str, list[Json], Json]]:
    """Return the events and the body of each recorded response, with times in place of their marks."""
    for page in sorted(FIXTURES.glob("*/responses/*.txt")):
        for name, section in decode_archive(page.read_bytes()).items():
            head, _, body = re.sub(rb'"<time[^"]*>"', b"1700000000", section).partition(b"\n\n")
            if not name.endswith(".http"):
                continue
            if b"event-stream" in head:
                yield page.name, [one for one in responses_stream.read(body) if one is not None], None  # comments
            elif head.startswith(b"HTTP/1.1 200") and _is_response(answer := decode(body)):
                yield page.name, [], answer


def _is_response(answer: Json) -> bool:
    return answer.get("object") == "response" and "output" in answer


class AnswerTests(SynchronousTestCase):
    def assert_events(self, events: list[Json], about: Any = None) -> None:
        for event in events:
            self.assertEqual(violations(EVENT, event), [], about)

    def test_every_recorded_response_is_valid(self) -> None:
        answers = list(recorded())
        self.assertGreater(len(answers), 60)
        for name, events, body in answers:
            self.assert_events(events, name)
            if body is not None:
                self.assertEqual(violations(RESPONSE, body), [], name)

    @given(sentences() | broken_sentences(), st.booleans(), st.booleans())
    def test_every_event_of_any_answer_is_valid(self, sentence: Sentence, queued: bool, tool_events: bool) -> None:
        self.assert_events(stream(sentence, queued, tool_events))

    @given(sentences())
    def test_any_whole_response_is_valid(self, sentence: Sentence) -> None:
        self.assertEqual(violations(RESPONSE, decode(EXCHANGE.render((fold(sentence),), RESPONSES_IDENTITY))), [])

    @given(turns())
    def test_any_request_is_repeated_validly(self, turn: Turn) -> None:
        decoded = responses.decode_stateless(encode(encode_turn(turn)), SOMEONE)
        self.assertEqual(violations(RESPONSE, decode(decoded.render((fold(TALKATIVE),), RESPONSES_IDENTITY))), [])

    @given(turns(), sentences() | broken_sentences())
    def test_stored_responses_are_shown_validly(self, turn: Turn, sentence: Sentence) -> None:
        storage = responses.decode_pending(encode(encode_turn(turn)), SOMEONE).complete(LoadedHistory()).storage
        assert storage is not None
        over = storage.encode(fold(sentence), RESPONSES_IDENTITY)
        queued = storage.encode(Reply(), RESPONSES_IDENTITY, "queued")
        for answer in (over, queued, stored.mark_interrupted(queued)):
            self.assertEqual(violations(RESPONSE, decode(stored.render_stored(answer))), [])
        for item in over.input:
            self.assertEqual(violations(ITEM, decode(stored.render_item(item))), [])
        self.assert_events(responses_stream.read(framed(replay.render_final_stream(over))))

    def test_codex_word_for_no_summary_is_repeated_as_null(self) -> None:
        decoded = decode_request(reasoning={"effort": "low", "summary": "none"})
        whole = decode(decoded.render((fold(TALKATIVE),), RESPONSES_IDENTITY))
        self.assertEqual(whole["reasoning"], {"effort": "low", "summary": None})


class CheckerTests(SynchronousTestCase):
    """The tables reject missing members and wrong types at any position."""

    def test_three_responses_have_every_event_of_the_schema_that_openai_has(self) -> None:
        broken = (e.Began(), e.Failed(fault("stream_cut")))
        answers = (stream(TALKATIVE, queued=True), stream((e.Began(), e.Ended("length"))), stream(broken))
        kinds = {event["type"] for answer in answers for event in answer}
        never = {"error", "response.reasoning.delta", "response.reasoning.done"}
        self.assertEqual(set(EVENTS) - kinds, never)
        self.assertLessEqual(kinds - set(EVENTS), set(BEYOND_EVENTS))

    def test_every_required_member_and_type_is_checked(self) -> None:
        for event in stream(TALKATIVE, queued=True, tool_events=True):
            for node, name in list(places(event)):
                place = (node.get("type"), name)
                value = node.pop(name)
                self.assertEqual(violations(EVENT, event) == [], place in MAY_MISS, place)
                node[name] = {"of": "no type"}
                self.assertEqual(violations(EVENT, event) == [], place in MAY_BE_ANYTHING, place)
                node[name] = value

    def test_an_unknown_type_is_a_violation(self) -> None:
        for stranger in ({"type": "response.novel", "sequence_number": 0}, {}, [], None):
            self.assertEqual(len(violations(EVENT, stranger)), 1)
