"""The benchmarks' child: a process that replaces Codex."""

import os
import random
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from codexd.child.children import Children
from codexd.child.launch import LaunchConfig
from codexd.observe.metrics import Metrics
from codexd.settings import Codex, Settings
from tests.support.contexts import context
from tests.support.recording_sink import RecordingSink, turn

BINARY = Path(__file__).parents[2] / "bench" / "instant-codex"


class InstantChildTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        state = Path(self.mktemp()).absolute()
        how = LaunchConfig(binary=BINARY, home=state / "home", state=state, environ=os.environ, codex=Codex())
        self.children = Children(Settings(), how, reactor, random.random, Metrics())
        self.children.startService()
        self.addCleanup(self.children.stopService)

    async def ask(self, text: str) -> RecordingSink:
        sink, done = RecordingSink(), Deferred[None]()
        sink.on_settle = lambda: sink.kind is not None and done.callback(None)
        self.children.backend.begin(turn(text, model="gpt-5.5"), context(), sink)
        await done
        return sink

    async def test_it_is_launched_by_its_path_alone_and_answers(self) -> None:
        while not self.children.backend.ready():
            await deferLater(reactor, 0.01)
        self.assertEqual([card.id for card in self.children.backend.models()], ["gpt-5.5", "scripted"])
        self.assertEqual((await self.ask("say: hi")).reply.text, "hi")
        answer = await self.ask("long: 4000")
        self.assertEqual((answer.kind, len(answer.reply.text.split())), ("stop", 4000))
