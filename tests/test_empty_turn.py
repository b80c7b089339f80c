"""codexd.empty_turn: turns that may have no output, over both back ends."""

from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.empty_turn import EmptyTurn
from codexd.interfaces import ITurnHandle
from codexd.neutral.event import Began, Ended, Usage, UsageReported
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import Message, Sampling, TextPart, Turn
from tests.support.fake_upstream import UpstreamHarness
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.recording_sink import RecordingSink

TURN = Turn(
    model="scripted",
    items=(Message(role="user", parts=(TextPart("hello, you"),)),),
    sampling=Sampling(max_tokens=0),
    ignored=("suffix",),
)
EVENTS = [Began(), UsageReported(Usage(input_tokens=3, estimated=True)), Ended("length")]


class EmptyTurnTests(SynchronousTestCase):
    def test_it_ends_in_the_next_reactor_turn(self) -> None:
        clock, sink = Clock(), RecordingSink()
        handle = EmptyTurn(TURN, sink, clock)
        verifyObject(ITurnHandle, handle)
        self.assertEqual((sink.events, handle.ignored), ([], ("suffix",)))
        clock.advance(0)
        self.assertEqual((sink.events, sink.settle_count), (EVENTS, 1))
        handle.cancel()

    def test_a_cancelled_turn_sends_nothing(self) -> None:
        clock, sink = Clock(), RecordingSink()
        handle = EmptyTurn(TURN, sink, clock)
        handle.pause()
        handle.resume()
        handle.cancel()
        handle.cancel()
        clock.advance(1)
        self.assertEqual((sink.events, clock.getDelayedCalls()), ([], []))

    def test_codex_is_not_asked(self) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()))
        asked = codex.ask(TURN)
        self.assertEqual((asked.sink.events, codex.threads), (EVENTS, 0))
        fault = self.assertRaises(FaultError, codex.begin, evolve(TURN, model="nobody's")).fault
        self.assertEqual(fault.kind, "unknown_model")

    def test_an_upstream_is_not_asked(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin(TURN)
        harness.clock.advance(0)
        self.assertEqual((sink.events, harness.connection_count), (EVENTS, 0))
