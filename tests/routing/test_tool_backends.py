"""Tests of codexd.routing.tool_backends."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Message, TextPart, Tool, Turn
from codexd.routing.tool_backends import PromptedToolsBackend, ToolTextBackend
from codexd.settings import Tools
from tests.routing.test_fallback import EventRecorder
from tests.support.contexts import context
from tests.support.fake_backend import USAGE, FakeBackend, FakeTurn, message, text_answer

WEATHER = Tool(name="weather")
BLOCK = "<use_tool>\n<name>weather</name>\n<city>Oslo</city>\n</use_tool>"
TURN = Turn(model="m", items=(Message(role="user", parts=(TextPart("hi"),)),), tools=(WEATHER,))
CALL = (
    e.CallOpened(index=0, id="fc_1", call_id="call_1", name="weather"),
    e.CallDelta(0, '{"city":"Oslo"}'),
    e.CallClosed(0),
)


class ToolTextBackendTests(SynchronousTestCase):
    def begin(self, turn: Turn, **tools: Any) -> FakeTurn:
        self.backend, self.sink, self.counted = FakeBackend(), EventRecorder(), list[str]()
        self.tool_backend = ToolTextBackend(self.backend, Tools(**tools), self.counted.append)
        self.handle = self.tool_backend.begin(turn, context(), self.sink)
        return self.backend.turns[0]

    @property
    def reply(self) -> Reply:
        return fold(self.sink.events)

    def test_it_implements_the_interfaces_of_back_end_handle_and_sink(self) -> None:
        model = self.begin(TURN)
        self.assertTrue(verifyObject(IModelBackend, self.tool_backend))
        self.assertTrue(verifyObject(ITurnHandle, self.handle))
        self.assertTrue(verifyObject(IEventSink, model.sink))
        self.assertEqual(self.tool_backend.models(), self.backend.models())
        self.assertTrue(self.tool_backend.ready())

    def test_a_client_without_tools_gets_the_events_unconverted(self) -> None:
        self.assertIs(self.begin(Turn(model="m", items=())).sink, self.sink)

    def test_a_block_that_calls_an_offered_tool_becomes_a_call(self) -> None:
        self.begin(TURN).emit(*text_answer(f"Let me see. {BLOCK}"))
        (call,) = self.reply.calls
        self.assertEqual((call.name, call.arguments, self.reply.finish), ("weather", '{"city":"Oslo"}', "tool_calls"))
        self.assertEqual(self.reply.usage, USAGE)
        self.assertEqual(self.counted, ["tool_buffer_started", "tool_buffer_flushed"])

    def test_blocks_stay_text_if_read_blocks_is_off(self) -> None:
        self.assertIs(self.begin(TURN, parse_blocks=False).sink, self.sink)

    def test_a_client_that_reads_text_gets_a_call_as_a_block(self) -> None:
        turn = Turn(model="m", items=(), tools=(WEATHER,), calls_as_text=True)
        self.begin(turn).emit(e.Began(), *CALL, e.UsageReported(USAGE), e.Ended("tool_calls"))
        self.assertIn("weather", self.reply.text)
        self.assertIn("Oslo", self.reply.text)
        self.assertTrue(self.reply.text.startswith("<use_tool>"), self.reply.text)
        self.assertEqual(self.reply.calls, ())

    def test_once_no_event_would_be_passed_on_the_model_is_cancelled_and_its_usage_estimated(
        self,
    ) -> None:
        model = self.begin(TURN, stop_after="first")
        model.emit(e.Began(), *CALL)
        self.assertTrue(model.cancelled)
        self.assertEqual(self.reply.finish, "tool_calls")
        assert self.reply.usage is not None
        self.assertTrue(self.reply.usage.estimated)
        self.assertEqual(self.reply.usage.output_tokens, 4)
        received = list(self.sink.events)
        model.emit(*message("more", index=1))
        self.assertEqual(self.sink.events, received)

    def test_a_model_that_reported_its_usage_is_not_cancelled(self) -> None:
        model = self.begin(TURN, stop_after="first")
        model.emit(e.Began(), *CALL, e.UsageReported(USAGE), e.Ended("tool_calls"))
        self.assertFalse(model.cancelled)
        self.assertEqual(self.reply.usage, USAGE)

    def test_failures_are_passed_on(self) -> None:
        self.begin(TURN).emit(e.Began(), e.Failed(fault("model_failed")))
        self.assertEqual(self.reply.fault, fault("model_failed"))

    def test_commands_of_the_front_end_reach_the_model(self) -> None:
        model = self.begin(TURN)
        model.ignored = ("seed",)
        self.handle.pause()
        self.handle.resume()
        self.handle.cancel()
        model.emit(*text_answer())
        self.assertEqual((model.actions, self.sink.events), (["pause", "resume", "cancel"], []))
        self.assertEqual(self.handle.ignored, ("seed",))


class PromptedToolsBackendTests(SynchronousTestCase):
    def test_the_prompt_describes_the_tools_and_blocks_become_calls(self) -> None:
        backend, sink, counted = FakeBackend(), EventRecorder(), list[str]()
        prompted = PromptedToolsBackend(backend, counted.append)
        self.assertTrue(verifyObject(IModelBackend, prompted))
        prompted.begin(TURN, context(), sink)
        (model,) = backend.turns
        self.assertEqual(model.turn.tools, ())
        self.assertIn("## weather", model.turn.instructions or "")
        model.emit(*text_answer(BLOCK))
        self.assertEqual([call.name for call in fold(sink.events).calls], ["weather"])
        self.assertEqual((prompted.models(), prompted.ready()), (backend.models(), True))
