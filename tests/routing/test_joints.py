"""Tests of codexd.routing.joints."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Message, TextPart, Tool, Turn
from codexd.routing.joints import Jointed, Worded
from codexd.settings import Tools
from tests.routing.test_relay import Notes
from tests.support.backend import USAGE, FakeBackend, FakeTurn, hello, message

WEATHER = Tool("weather")
BLOCK = "<use_tool>\n<name>weather</name>\n<city>Oslo</city>\n</use_tool>"
ASKED = Turn("m", (Message("user", (TextPart("hi"),)),), tools=(WEATHER,))
CALL = (e.CallOpened(0, "fc_1", "call_1", "weather"), e.CallDelta(0, '{"city":"Oslo"}'), e.CallClosed(0))


class JointedTests(SynchronousTestCase):
    def begun(self, turn: Turn, **tools: Any) -> FakeTurn:
        self.backend, self.notes, self.counted = FakeBackend(), Notes(), list[str]()
        self.jointed = Jointed(self.backend, Tools(**tools), self.counted.append)
        self.handle = self.jointed.begin(turn, self.notes)
        return self.backend.turns[0]

    @property
    def reply(self) -> Reply:
        return fold(self.notes.heard)

    def test_it_is_a_back_end_and_what_it_begins_a_handle_and_a_sink(self) -> None:
        model = self.begun(ASKED)
        self.assertTrue(verifyObject(IModelBackend, self.jointed))
        self.assertTrue(verifyObject(ITurnHandle, self.handle))
        self.assertTrue(verifyObject(IEventSink, model.sink))
        self.assertEqual(self.jointed.models(), self.backend.models())
        self.assertTrue(self.jointed.ready())

    def test_a_client_without_tools_hears_the_model_itself(self) -> None:
        self.assertIs(self.begun(Turn("m", ())).sink, self.notes)

    def test_a_block_that_calls_an_offered_tool_is_a_call(self) -> None:
        self.begun(ASKED).tell(*hello(f"Let me see. {BLOCK}"))
        (call,) = self.reply.calls
        self.assertEqual(
            (call.name, call.arguments, self.reply.finish), ("weather", '{"city":"Oslo"}', "tool_calls")
        )
        self.assertEqual(self.reply.usage, USAGE)
        self.assertEqual(self.counted, ["tool_buffer_started", "tool_buffer_flushed"])

    def test_blocks_stay_text_where_nobody_looks_for_them(self) -> None:
        self.assertIs(self.begun(ASKED, read_blocks=False).sink, self.notes)

    def test_a_client_that_reads_text_is_shown_a_call_as_a_block(self) -> None:
        turn = Turn("m", (), tools=(WEATHER,), calls_as_text=True)
        self.begun(turn).tell(e.Began(), *CALL, e.UsageReported(USAGE), e.Ended("tool_calls"))
        self.assertIn("weather", self.reply.text)
        self.assertIn("Oslo", self.reply.text)
        self.assertTrue(self.reply.text.startswith("<use_tool>"), self.reply.text)
        self.assertEqual(self.reply.calls, ())

    def test_once_nothing_more_would_be_shown_the_model_is_interrupted_and_its_cost_estimated(self) -> None:
        model = self.begun(ASKED, stop_after="first")
        model.tell(e.Began(), *CALL)
        self.assertTrue(model.cancelled)
        self.assertEqual(self.reply.finish, "tool_calls")
        assert self.reply.usage is not None
        self.assertTrue(self.reply.usage.estimated)
        self.assertEqual(self.reply.usage.output_tokens, 4)
        heard = list(self.notes.heard)
        model.tell(*message("more", index=1))
        self.assertEqual(self.notes.heard, heard)

    def test_a_model_that_told_its_cost_is_let_finish(self) -> None:
        model = self.begun(ASKED, stop_after="first")
        model.tell(e.Began(), *CALL, e.UsageReported(USAGE), e.Ended("tool_calls"))
        self.assertFalse(model.cancelled)
        self.assertEqual(self.reply.usage, USAGE)

    def test_failures_pass(self) -> None:
        self.begun(ASKED).tell(e.Began(), e.Failed(fault("model_failed")))
        self.assertEqual(self.reply.fault, fault("model_failed"))

    def test_what_the_front_asks_goes_to_the_model(self) -> None:
        model = self.begun(ASKED)
        model.ignored = ("seed",)
        self.handle.hold()
        self.handle.release()
        self.handle.cancel()
        model.tell(*hello())
        self.assertEqual((model.asked, self.notes.heard), (["hold", "release", "cancel"], []))
        self.assertEqual(self.handle.ignored, ("seed",))


class WordedTests(SynchronousTestCase):
    def test_tools_are_told_in_words_and_calls_read_from_the_text(self) -> None:
        backend, notes, counted = FakeBackend(), Notes(), list[str]()
        worded = Worded(backend, counted.append)
        self.assertTrue(verifyObject(IModelBackend, worded))
        worded.begin(ASKED, notes)
        (model,) = backend.turns
        self.assertEqual(model.turn.tools, ())
        self.assertIn("## weather", model.turn.instructions or "")
        model.tell(*hello(BLOCK))
        self.assertEqual([call.name for call in fold(notes.heard).calls], ["weather"])
        self.assertEqual((worded.models(), worded.ready()), (backend.models(), True))
