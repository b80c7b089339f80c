from itertools import pairwise

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Compaction, CompactionRequest, Message, TextPart, Tool, ToolCall, ToolResult, Turn
from codexd.routing.compaction import CompactingBackend
from tests.support.contexts import context
from tests.support.fake_backend import BEGINNING, MODEL_FAILED, USAGE, FakeBackend, FakeTurn, text_answer
from tests.support.recording_sink import RecordingSink


def said(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text),))  # type: ignore[arg-type]


RULES, FIRST, ANSWER, LAST = (
    said("developer", "rules"),
    said("user", "first " * 1000),
    said("assistant", "answer"),
    said("user", "last"),
)
TURN = Turn(model="m", items=(RULES, FIRST, ANSWER, LAST), tools=(Tool(name="f"),))
ON_TRIGGER = evolve(TURN, compaction=CompactionRequest())
ON_THRESHOLD = evolve(TURN, compaction=CompactionRequest(1000))
SUMMARY = text_answer("the ", "summary")


class CompactionTestCase(SynchronousTestCase):
    def begin(self, turn: Turn) -> ITurnHandle:
        self.backend, self.sink, self.counted = FakeBackend(), RecordingSink(strict=False), list[str]()
        self.compacting = CompactingBackend(self.backend, self.counted.append)
        return self.compacting.begin(turn, context(), self.sink)

    @property
    def reply(self) -> Reply:
        return fold(self.sink.events)

    def model(self, number: int) -> FakeTurn:
        return self.backend.turns[number]


class TriggerTests(CompactionTestCase):
    def test_it_implements_the_interfaces(self) -> None:
        handle = self.begin(ON_TRIGGER)
        self.assertTrue(verifyObject(IModelBackend, self.compacting))
        self.assertTrue(verifyObject(ITurnHandle, handle))
        self.assertTrue(verifyObject(IEventSink, self.model(0).sink))

    def test_other_turns_are_passed_on_unchanged(self) -> None:
        self.begin(TURN)
        self.assertIs(self.model(0).turn, TURN)
        self.assertIs(self.model(0).sink, self.sink)

    def test_the_model_is_asked_for_a_summary_of_the_whole_history_without_calls(self) -> None:
        self.begin(ON_TRIGGER)
        asked = self.model(0).turn
        self.assertEqual(asked.items[:-1], TURN.items)
        self.assertEqual((asked.tools, asked.tool_choice.mode, asked.compaction), (TURN.tools, "none", None))

    def test_the_response_is_the_compaction_alone(self) -> None:
        self.begin(ON_TRIGGER)
        self.model(0).emit(*SUMMARY)
        (item,) = self.reply.items
        assert isinstance(item, Compaction)
        self.assertEqual((item.summary, item.replaces_history, item.complete), ("the summary", False, True))
        self.assertEqual((self.reply.finish, self.reply.usage), ("stop", USAGE))
        self.assertEqual(len(self.backend.turns), 1)

    def test_a_summary_that_is_cut_or_empty_is_a_failure(self) -> None:
        cut = (*SUMMARY[:-1], e.Ended("length"))
        for events in (cut, text_answer(" "), (e.Began(), e.Ended("content_filter"))):
            self.begin(ON_TRIGGER)
            self.model(0).emit(*events)
            assert self.reply.fault is not None
            self.assertEqual((self.reply.fault.kind, self.reply.items), ("stream_cut", ()))

    def test_a_failure_of_the_model_is_passed_on(self) -> None:
        self.begin(ON_TRIGGER)
        wrong = fault("context_length_exceeded")
        self.model(0).emit(e.Failed(wrong))
        self.assertEqual(self.sink.events, [e.Failed(wrong)])

    def test_a_refusal_is_raised(self) -> None:
        self.backend = FakeBackend()
        self.backend.begin_errors.append(fault("busy"))
        compacting = CompactingBackend(self.backend, lambda name: None)
        self.assertRaises(FaultError, compacting.begin, ON_TRIGGER, context(), RecordingSink())


class ThresholdTests(CompactionTestCase):
    def test_a_short_history_is_answered_directly(self) -> None:
        self.begin(evolve(TURN, compaction=CompactionRequest(100_000)))
        self.assertEqual((self.model(0).turn, self.model(0).sink), (TURN, self.sink))

    def test_the_answer_follows_the_compaction(self) -> None:
        self.begin(ON_THRESHOLD)
        self.model(0).emit(*SUMMARY)
        self.model(1).emit(*text_answer("answered"))
        compaction, _ = self.reply.items
        assert isinstance(compaction, Compaction)
        self.assertEqual((compaction.summary, compaction.replaces_history), ("the summary", True))
        self.assertEqual((self.reply.text, self.reply.finish), ("answered", "stop"))
        assert self.reply.usage is not None
        self.assertEqual(self.reply.usage.input_tokens, 2 * USAGE.input_tokens)
        self.assertEqual(self.reply.usage.reasoning_tokens, 2 * USAGE.reasoning_tokens)

    def test_the_answered_history_is_rules_summary_and_the_last_message(self) -> None:
        self.begin(ON_THRESHOLD)
        self.model(0).emit(*SUMMARY)
        answered = self.model(1).turn
        summary = Compaction(summary="the summary", replaces_history=True)
        self.assertEqual(answered, evolve(TURN, items=(RULES, summary, LAST)))

    def test_calls_after_the_last_message_stay_with_their_results(self) -> None:
        call, result = ToolCall(call_id="c", name="f", arguments="{}"), ToolResult("c", (TextPart("r"),))
        self.begin(evolve(ON_THRESHOLD, items=(*TURN.items, call, result)))
        self.model(0).emit(*SUMMARY)
        self.assertEqual(self.model(1).turn.items[-3:], (LAST, call, result))

    def test_events_of_both_turns_in_one_reactor_iteration_are_in_order(self) -> None:
        self.begin(ON_THRESHOLD)
        self.backend.immediate_events = text_answer("at once")
        self.model(0).emit(*SUMMARY)
        self.assertEqual(self.reply.text, "at once")

    def test_a_refusal_of_the_answer_is_a_failure(self) -> None:
        self.begin(ON_THRESHOLD)
        self.backend.begin_errors.append(fault("busy"))
        self.model(0).emit(*SUMMARY)
        assert self.reply.fault is not None
        self.assertEqual(self.reply.fault.kind, "busy")

    def test_the_usage_of_the_summary_is_reported_if_the_answer_fails(self) -> None:
        for events in ((e.Failed(MODEL_FAILED),), (*BEGINNING, e.Failed(MODEL_FAILED))):
            self.begin(ON_THRESHOLD)
            self.model(0).emit(*SUMMARY)
            self.model(1).emit(*events)
            self.assertEqual(self.reply.fault, MODEL_FAILED)
            self.assertEqual(self.reply.usage, evolve(USAGE, estimated=True))
        self.begin(ON_THRESHOLD)
        self.backend.begin_errors.append(fault("busy"))
        self.model(0).emit(*SUMMARY)
        self.assertEqual(self.reply.usage, evolve(USAGE, estimated=True))

    def test_the_usage_of_a_summary_that_cannot_be_used_is_reported(self) -> None:
        self.begin(ON_TRIGGER)
        self.model(0).emit(*SUMMARY[:-1], e.Ended("length"))
        assert self.reply.fault is not None
        assert self.reply.usage is not None
        self.assertEqual(self.reply.usage.output_tokens, USAGE.output_tokens)

    def test_a_defect_is_an_internal_failure(self) -> None:
        self.begin(ON_THRESHOLD)
        self.backend.begin_errors.append(ValueError("defect"))
        self.model(0).emit(*SUMMARY)
        assert self.reply.fault is not None
        self.assertEqual((self.reply.fault.kind, self.counted), ("internal", ["internal_error"]))

    def test_cancelling_ends_the_turn_that_runs(self) -> None:
        handle = self.begin(ON_THRESHOLD)
        self.sink.cancel(handle)
        self.assertTrue(self.model(0).cancelled)
        self.model(0).emit_unsettled(*SUMMARY)
        self.assertEqual(len(self.backend.turns), 1)
        handle = self.begin(ON_THRESHOLD)
        self.model(0).emit(*SUMMARY)
        self.sink.cancel(handle)
        self.assertEqual((self.model(0).cancelled, self.model(1).cancelled), (False, True))

    def test_a_pause_lasts_over_both_turns(self) -> None:
        handle = self.begin(ON_THRESHOLD)
        handle.pause()
        self.model(0).emit(*SUMMARY)
        handle.resume()
        self.assertEqual((self.model(0).actions, self.model(1).actions), (["pause"], ["pause", "resume"]))


class ChunkingTests(SynchronousTestCase):
    @given(st.lists(st.integers(0, len(SUMMARY)), max_size=4), st.booleans())
    def test_the_response_does_not_depend_on_where_reactor_iterations_end(self, cuts: list[int], answer: bool) -> None:
        backend, sink = FakeBackend(), RecordingSink(strict=False)
        compacting = CompactingBackend(backend, lambda name: None)
        compacting.begin(ON_THRESHOLD if answer else ON_TRIGGER, context(), sink)
        borders = [0, *sorted(cuts), len(SUMMARY)]
        for start, end in pairwise(borders):
            backend.turns[0].emit(*SUMMARY[start:end])
        if answer:
            backend.turns[1].emit(*text_answer("answered"))
        reply = fold(sink.events)
        self.assertEqual((len(reply.items), reply.text), (2, "answered") if answer else (1, ""))
