"""Tests of codexd.backend_service: the back ends built from the settings."""

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.backend_service import BackendService
from codexd.configuration import ConfigurationError
from codexd.interfaces import IEmbedder, IModelBackend, IStatus
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import ImagePart, Message, Turn
from codexd.observe.metrics import Metrics
from codexd.settings import Codex, ModelAlias, Models, Settings, Upstream
from tests.routing.test_fallback import EventRecorder
from tests.support.contexts import context
from tests.test_service import DaemonReactor

LOCAL = Upstream(name="local", base_url="http://127.0.0.1:1/v1", prefix="local/", models=("small", "embedder"))

SHELL = Codex(binary="/bin/sh")


class BackendServiceTestCase(SynchronousTestCase):
    def build(self, *upstreams: Upstream, codex: Codex = SHELL, **rest: Any) -> BackendService:
        home = Path(self.mktemp()).absolute()
        home.mkdir()
        self.reactor = DaemonReactor()
        settings = Settings(codex=codex, upstream=upstreams, **rest)
        return BackendService(settings, {"HOME": str(home)}, self.reactor, Metrics())

    def names(self, service: BackendService) -> list[str]:
        return [card.id for card in service.in_use.backend.models()]


class BackendServiceTests(BackendServiceTestCase):
    def test_without_login_and_upstreams_codex_uses_the_scripted_model(self) -> None:
        service = self.build()
        self.assertEqual((service.homes[0].provider, len(self.reactor.tcpServers)), ("scripted", 1))
        self.assertTrue(verifyObject(IModelBackend, service.in_use.backend))
        self.assertTrue(verifyObject(IEmbedder, service.in_use.embedder))
        self.successResultOf(service.stopService())
        self.assertEqual(self.reactor.closed, [0])

    def test_with_upstreams_and_no_login_codex_is_not_started(self) -> None:
        service = self.build(LOCAL, codex=Codex(binary="/no/such/program"))
        self.assertEqual((service.homes[0].provider, self.reactor.tcpServers), ("none", []))
        self.assertEqual(self.names(service), ["local/small", "local/embedder"])
        service.startService()
        self.successResultOf(service.stopService())

    def test_an_alias_of_a_codex_model_is_not_offered_without_codex(self) -> None:
        aliases = (ModelAlias(name="mine", model="small", upstream="local"), ModelAlias(name="codexs", model="gpt-5"))
        service = self.build(LOCAL, models=Models(alias=aliases))
        self.assertEqual(self.names(service), ["mine", "local/small", "local/embedder"])
        turn, sink = Turn(model="codexs", items=()), EventRecorder()
        refused = self.assertRaises(FaultError, service.in_use.backend.begin, turn, context(), sink).fault
        self.assertEqual(refused.kind, "unknown_model")

    def test_images_by_url_are_inlined_for_an_upstream_that_says_so_with_its_tools_or_without(self) -> None:
        image = Message(role="user", parts=(ImagePart("http://127.0.0.1/a.png", path="p"),))
        asked = Turn(model="local/small", items=(image,))
        for settings in (LOCAL, evolve(LOCAL, tools=False)):
            service = self.build(settings)
            service.in_use.backend.begin(asked, context(), EventRecorder()).cancel()
            service = self.build(evolve(settings, inline_images=True))
            refused = self.assertRaises(
                FaultError, service.in_use.backend.begin, asked, context(), EventRecorder()
            ).fault
            self.assertEqual((refused.kind, refused.param), ("image_refused", "p"))

    def test_no_image_is_fetched_for_an_upstream_without_images(self) -> None:
        image = Message(role="user", parts=(ImagePart("http://127.0.0.1/a.png", path="p"),))
        service = self.build(evolve(LOCAL, images=False, inline_images=True))
        asked = Turn(model="local/small", items=(image,))
        refused = self.assertRaises(FaultError, service.in_use.backend.begin, asked, context(), EventRecorder()).fault
        self.assertEqual(refused.kind, "unsupported")

    def test_a_missing_file_of_an_upstream_is_an_error_with_its_name(self) -> None:
        broken = Upstream(name="local", base_url="https://127.0.0.1:1/v1", ca_file="/no/such/file.pem")
        error = self.assertRaises(ConfigurationError, self.build, broken)
        self.assertIn("upstream 'local': ca_file", str(error))

    def test_the_key_file_of_an_upstream_must_hold_one_line(self) -> None:
        path = Path(self.mktemp())
        path.write_text("two\nlines\n")
        error = self.assertRaises(
            ConfigurationError, self.build, Upstream(name="a", base_url="http://b/v1", key_file=str(path))
        )
        self.assertIn("must contain one line of visible ASCII", str(error))
        self.assertNotIn("two", str(error))


class StatusTests(BackendServiceTestCase):
    def test_the_status_has_every_back_end_and_every_codex_process(self) -> None:
        service = self.build(LOCAL, codex=Codex(binary="/bin/sh", model="scripted", workers=2))
        self.assertTrue(verifyObject(IStatus, service))
        codex, local = service.backends()
        self.assertEqual((codex.name, codex.is_ready, codex.running, codex.queued), ("codex", False, 0, 0))
        self.assertEqual((codex.account, codex.lacks_login), (None, False))
        self.assertEqual((local.name, local.models, local.circuit_is_open), ("local", 2, False))
        self.assertEqual([worker.name for worker in service.workers()], ["plain-0", "plain-1"])
        self.assertEqual({(worker.state, worker.pid) for worker in service.workers()}, {("Stopped", None)})

    def test_the_status_says_that_the_scripted_model_answers_for_want_of_a_login(self) -> None:
        (codex,) = self.build(codex=Codex(binary="/bin/sh")).backends()
        self.assertTrue(codex.lacks_login)

    def test_without_codex_there_are_no_processes(self) -> None:
        service = self.build(LOCAL, codex=Codex(binary="/no/such/program"))
        self.assertEqual(service.workers(), ())
        self.assertEqual([one.name for one in service.backends()], ["local"])
