"""Tests of codexd.answering: who answers, put together from the settings."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.answering import Answering
from codexd.configuration import Misconfigured
from codexd.interfaces import IEmbedder, IModelBackend
from codexd.neutral.fault import Refused
from codexd.neutral.turn import Turn
from codexd.observe.metrics import Metrics
from codexd.settings import Codex, Model, Models, Settings, Upstream
from tests.routing.test_relay import Notes
from tests.test_service import DaemonReactor

LOCAL = Upstream("local", "http://127.0.0.1:1/v1", prefix="local/", models=("small", "embedder"))

SHELL = Codex(binary="/bin/sh")


class AnsweringTests(SynchronousTestCase):
    def answering(self, *upstreams: Upstream, codex: Codex = SHELL, **rest: Any) -> Answering:
        home = Path(self.mktemp()).absolute()
        home.mkdir()
        self.reactor = DaemonReactor()
        settings = Settings(codex=codex, upstream=upstreams, **rest)
        return Answering(settings, {"HOME": str(home)}, self.reactor, Metrics())

    def names(self, answering: Answering) -> list[str]:
        return [card.id for card in answering.backend.models()]

    def test_without_a_login_and_without_upstreams_the_scripted_model_stands_behind_codex(self) -> None:
        answering = self.answering()
        self.assertEqual((answering.serving, len(self.reactor.tcpServers)), ("scripted", 1))
        self.assertTrue(verifyObject(IModelBackend, answering.backend))
        self.assertTrue(verifyObject(IEmbedder, answering.embedder))
        self.successResultOf(answering.stopService())
        self.assertEqual(self.reactor.closed, [0])

    def test_with_upstreams_and_no_login_there_is_no_codex_and_nothing_of_it_is_started(self) -> None:
        answering = self.answering(LOCAL, codex=Codex(binary="/no/such/program"))
        self.assertEqual((answering.serving, self.reactor.tcpServers), ("none", []))
        self.assertEqual(self.names(answering), ["local/small", "local/embedder"])
        answering.startService()
        self.successResultOf(answering.stopService())

    def test_an_alias_of_codex_is_not_offered_where_there_is_none(self) -> None:
        aliases = (Model("mine", model="small", upstream="local"), Model("codexs", model="gpt-5"))
        answering = self.answering(LOCAL, models=Models(alias=aliases))
        self.assertEqual(self.names(answering), ["mine", "local/small", "local/embedder"])
        refused = self.assertRaises(Refused, answering.backend.begin, Turn("codexs", ()), Notes()).fault
        self.assertEqual(refused.kind, "unknown_model")

    def test_what_an_upstream_needs_and_is_not_there_stops_the_start_with_its_name(self) -> None:
        broken = Upstream("local", "https://127.0.0.1:1/v1", ca_file="/no/such/file.pem")
        error = self.assertRaises(Misconfigured, self.answering, broken)
        self.assertIn("upstream 'local': ca_file", str(error))

    def test_a_key_is_read_from_its_file(self) -> None:
        path = Path(self.mktemp())
        path.write_text("two\nlines\n")
        error = self.assertRaises(
            Misconfigured, self.answering, Upstream("a", "http://b/v1", key_file=str(path))
        )
        self.assertIn("holds no key, or more than one line", str(error))
        self.assertNotIn("two", str(error))
