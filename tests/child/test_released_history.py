"""Idle and suspended threads, which wait for long, do not keep the history that the child has."""

import gc
import weakref
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Settings
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.metric_samples import metric
from tests.support.recording_sink import TOOL, turn


class ReleasedHistoryTests(SynchronousTestCase):
    def assert_released(self, said: str, gauge: str) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()), Settings())
        asked = turn(said, tools=(TOOL,))
        message = weakref.ref(asked.items[-1])
        codex.ask(asked)
        codex.reactor.pump([0.1] * 3)
        self.assertEqual(metric(codex.metrics, f"codexd_{gauge}"), 1)
        del asked
        gc.collect()
        self.assertIsNone(message())

    def test_an_idle_thread_keeps_no_items(self) -> None:
        self.assert_released("say: hello", "threads_idle")

    def test_a_suspended_turn_keeps_no_items(self) -> None:
        self.assert_released(f"call: {TOOL.name} {{}}", "turns_suspended")
