"""codexd.fronts.responses.tool_events: the additional events of compatibility mode `tool-events`."""

from collections.abc import Iterable

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.compatibility import TOOL_EVENTS, TOOL_MESSAGES
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.responses.tool_events import build_encoder
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from codexd.neutral.stored import LoadedHistory
from codexd.neutral.turn import ToolCall
from codexd.wire.json import Json, encode
from tests.support import responses_stream
from tests.support.framing import FoldingEncoder, build_folding_encoder, framed
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.responses_requests import decode_request
from tests.support.sentences import Sentence, broken_sentences, pieces, sentences

ECHO = decode_request().echo
BEGIN, DELTA, END = (f"response.output_tool_call.{stage}" for stage in ("begin", "delta", "end"))
EXTRA = (BEGIN, DELTA, END, "response.done")


def streamed(sentence: Iterable[e.Event], tool_events: bool = True) -> list[Json]:
    """Return the stream events of a sentence."""
    writer = FoldingEncoder(lambda folds: build_encoder(RESPONSES_IDENTITY, ECHO, folds[0], tool_events))
    return responses_stream.read(framed(one for event in sentence for one in writer.feed(event)))


def unnumbered(events: Iterable[Json]) -> list[Json]:
    """Remove the sequence numbers."""
    return [{name: value for name, value in event.items() if name != "sequence_number"} for event in events]


def rebuilt(events: Iterable[Json]) -> list[ToolCall]:
    """Build the calls only from the additional events, each at its `end`."""
    begun: dict[int, ToolCall] = {}
    ended: dict[int, ToolCall] = {}
    for event in events:
        if event["type"] == BEGIN:
            assert event["output_index"] not in begun, "a call begins once"
            begun[event["output_index"]] = ToolCall(
                call_id=event["call_id"],
                name=event["name"],
                arguments="",
                namespace=event.get("namespace"),
                id=event["item_id"],
            )
        elif event["type"] == DELTA:
            call = begun[event["output_index"]]
            begun[event["output_index"]] = evolve(call, arguments=call.arguments + event["delta"])
        elif event["type"] == END:
            call = begun[event["output_index"]]
            assert call.arguments == event["arguments"], "the whole arguments are the deltas"
            ended[event["output_index"]] = call
    return [ended[index] for index in sorted(ended)]


class LawTests(SynchronousTestCase):
    """Laws of every response."""

    @given(sentences() | broken_sentences())
    def test_without_the_extra_events_it_is_the_standard_stream(self, sentence: Sentence) -> None:
        plain = [event for event in streamed(sentence) if event["type"] not in EXTRA]
        self.assertEqual(unnumbered(plain), unnumbered(streamed(sentence, tool_events=False)))

    @given(sentences() | broken_sentences())
    def test_all_events_are_numbered_in_one_sequence(self, sentence: Sentence) -> None:
        events = streamed(sentence)
        self.assertEqual([event["sequence_number"] for event in events], list(range(len(events))))

    @given(sentences() | broken_sentences())
    def test_the_additional_events_alone_give_the_calls(self, sentence: Sentence) -> None:
        calls = [item for item in fold(sentence).items if isinstance(item, ToolCall) and item.complete]
        closed = {event.index for event in sentence if isinstance(event, e.CallClosed)}
        self.assertEqual(len(rebuilt(streamed(sentence))), len(calls))
        self.assertEqual(rebuilt(streamed(sentence)), [evolve(call, kind="function", complete=True) for call in calls])
        self.assertLessEqual(len(calls), len(closed))

    @given(sentences() | broken_sentences())
    def test_response_done_is_last_with_the_terminal_snapshot(self, sentence: Sentence) -> None:
        *before, terminal, done = streamed(sentence)
        self.assertIn(terminal["type"], responses_stream.TERMINAL)
        self.assertEqual((done["type"], done["response"]), ("response.done", terminal["response"]))
        self.assertNotIn("response.done", [event["type"] for event in before])

    @given(st.text(max_size=30), st.data())
    def test_begin_and_end_do_not_depend_on_the_deltas(self, arguments: str, data: st.DataObject) -> None:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(arguments)), max_size=5)))
        bounds = zip([0, *cuts], [*cuts, len(arguments)], strict=True)
        split = [arguments[start:end] for start, end in bounds]
        self.assertEqual(self.framing(split), self.framing([arguments]))

    @given(pieces())
    def test_every_delta_event_is_one_delta(self, said: list[str]) -> None:
        events = streamed(answer(said))
        self.assertEqual([event["delta"] for event in events if event["type"] == DELTA], said)

    def framing(self, said: list[str]) -> list[Json]:
        """Return the additional events of a call without its deltas."""
        return unnumbered(event for event in streamed(answer(said)) if event["type"] in (BEGIN, END))


def answer(said: Iterable[str]) -> Sentence:
    """Return a response with one call, its arguments in these deltas."""
    opened = e.CallOpened(index=0, id="fc_1", call_id="call_1", name="f")
    return (
        e.Began(),
        opened,
        *(e.CallDelta(0, text) for text in said),
        e.CallClosed(0),
        e.Ended("tool_calls"),
    )


class OrderTests(SynchronousTestCase):
    """One call, written out."""

    def test_each_additional_event_follows_the_standard_ones(self) -> None:
        events = streamed(answer(["{", "}"]))
        self.assertEqual(
            [event["type"].removeprefix("response.") for event in events],
            [
                "created",
                "in_progress",
                "output_item.added",
                "output_tool_call.begin",
                *["function_call_arguments.delta", "output_tool_call.delta"] * 2,
                "function_call_arguments.done",
                "output_item.done",
                "output_tool_call.end",
                "completed",
                "done",
            ],
        )
        place = {"response_id": "resp_5eed", "output_index": 0, "item_id": "fc_1", "call_id": "call_1"}
        begun, _, said, _, _, _, _, ended = events[3:11]
        self.assertEqual(begun, {"type": BEGIN, **place, "name": "f", "sequence_number": 3})
        self.assertEqual(said, {"type": DELTA, **place, "name": "f", "delta": "{", "sequence_number": 5})
        self.assertEqual(ended, {"type": END, **place, "name": "f", "arguments": "{}", "sequence_number": 10})

    def test_a_call_has_its_namespace(self) -> None:
        opened = e.CallOpened(index=0, id="fc_1", call_id="call_1", name="f", namespace="n")
        begun = streamed((e.Began(), opened))[3]
        self.assertEqual((begun["type"], begun["namespace"]), (BEGIN, "n"))

    def test_an_incomplete_call_has_no_end(self) -> None:
        opened = e.CallOpened(index=0, id="fc_1", call_id="call_1", name="f")
        cut = (e.CallClosed(0, complete=False), e.Ended("length"))
        for rest in (cut, (e.Failed(fault("child_died")),)):
            events = streamed((e.Began(), opened, e.CallDelta(0, "{"), *rest))
            self.assertNotIn(END, [event["type"] for event in events])
            self.assertEqual(events[-1]["type"], "response.done")


class ModeTests(SynchronousTestCase):
    """Only the mode turns these events on."""

    def test_only_the_mode_turns_them_on_also_in_a_stored_stream(self) -> None:
        body = encode({"model": "m", "input": "hi", "background": True})
        for modes, on in (((), False), ((TOOL_MESSAGES,), False), ((TOOL_EVENTS,), True)):
            options = RequestOptions(principal="someone", modes=frozenset(modes))
            decoded = responses.decode_pending(body, options).complete(LoadedHistory())
            assert decoded.storage is not None
            for maker in (decoded, decoded.storage):
                writer = build_folding_encoder(maker, RESPONSES_IDENTITY)
                stream = framed(one for event in answer(["{}"]) for one in writer.feed(event))
                self.assertIs(b"output_tool_call" in stream, on)
                self.assertIs(b"response.done" in stream, on)
