"""Tests of codexd.routing.forwarding."""

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.fronts import forwarding
from codexd.interfaces import IForwarder, IForwardingReceiver, ModelCard
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.forwarded import ForwardedHead
from codexd.routing.forwarding import ForwardingEntry, ForwardingRouter
from codexd.settings import ModelAlias
from codexd.wire import json
from tests.routing.test_router import UNKNOWN
from tests.support.contexts import context
from tests.support.fake_backend import FakeBackend


@implementer(IForwardingReceiver)
class UnusedReceiver:
    """Receives nothing: a fake back end sends no response."""

    def open(self, head: ForwardedHead) -> None:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        raise NotImplementedError

    def fail(self, fault: Fault) -> None:
        raise NotImplementedError


def entry(name: str, backend: FakeBackend, prefix: str = "", resources: tuple[str, ...] = ()) -> ForwardingEntry:
    """Build an entry of the router."""
    return ForwardingEntry(name=name, prefix=prefix, resources=resources, models=backend.models, forwarder=backend)


class ForwardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chat, self.local, self.far = FakeBackend(), FakeBackend(), FakeBackend()
        self.chat.cards = self.far.cards = (ModelCard(id="tts"),)
        self.local.cards = (ModelCard(id="local/whisper"),)
        aliases = {
            "voice": ModelAlias(name="voice", model="whisper", upstream="local"),
            "talk": ModelAlias(name="talk", model="m", upstream="chat"),
        }
        self.router = ForwardingRouter(
            (
                entry("chat", self.chat),
                entry("local", self.local, "local/", ("audio", "moderations")),
                entry("far", self.far, "", ("audio", "images")),
            ),
            aliases,
        )

    def forward(self, path: str, model: str | None) -> None:
        body = b"{}" if model is None else json.encode({"model": model})
        request = forwarding.decode(path, b"", None, body)
        self.router.forward(model, request, context(), UnusedReceiver())

    def asked(self, path: str, model: str | None) -> tuple[str, str | None]:
        """Return the back end that a request is forwarded to, and the model for it."""
        for backend in (self.chat, self.local, self.far):
            backend.forwarded.clear()
        self.forward(path, model)
        named = (("chat", self.chat), ("local", self.local), ("far", self.far))
        ((name, forwarded),) = [(name, one) for name, backend in named for one in backend.forwarded]
        return name, forwarded.model

    def refused(self, path: str, model: str | None) -> Fault:
        found: Fault = self.assertRaises(FaultError, self.forward, path, model).fault
        return found

    def test_it_implements_the_interface(self) -> None:
        self.assertTrue(verifyObject(IForwarder, self.router))

    def test_a_model_is_forwarded_to_a_configured_upstream_that_lists_it(self) -> None:
        self.assertEqual(self.asked("audio/speech", "tts"), ("far", "tts"))
        self.assertEqual(self.asked("audio/transcriptions", "local/whisper"), ("local", "local/whisper"))

    def test_an_unlisted_model_goes_to_the_upstream_of_its_prefix_first(self) -> None:
        self.assertEqual(self.asked("audio/speech", "local/new"), ("local", "local/new"))

    def test_an_unlisted_model_goes_to_the_first_upstream_that_accepts_it(self) -> None:
        self.local.begin_errors = [UNKNOWN]
        self.assertEqual(self.asked("audio/speech", "new"), ("far", "new"))
        self.local.begin_errors, self.far.begin_errors = [fault("not_ready")], [UNKNOWN]
        self.assertEqual(self.refused("audio/speech", "new").kind, "not_ready")
        self.local.begin_errors, self.far.begin_errors = [UNKNOWN], [UNKNOWN]
        self.assertEqual(self.refused("audio/speech", "new").kind, "unknown_model")

    def test_a_failure_of_the_upstream_is_raised_at_once(self) -> None:
        self.far.begin_errors = [fault("busy")]
        self.assertEqual(self.refused("audio/speech", "tts").kind, "busy")
        self.assertEqual(self.local.forwarded, [])

    def test_without_a_model_the_first_configured_upstream_chooses(self) -> None:
        self.assertEqual(self.asked("moderations", None), ("local", None))
        self.assertEqual(self.asked("images/variations", None), ("far", None))

    def test_an_alias_stands_for_its_upstream_and_model(self) -> None:
        self.assertEqual(self.asked("audio/speech", "voice"), ("local", "local/whisper"))

    def test_an_alias_of_an_upstream_without_the_endpoint_is_unsupported(self) -> None:
        found = self.refused("audio/speech", "talk")
        self.assertEqual((found.kind, found.status, found.param), ("unsupported", 400, "model"))
        self.assertIn("pass_through", found.message)

    def test_an_endpoint_without_an_upstream_is_a_404_that_names_the_setting(self) -> None:
        router = ForwardingRouter((entry("chat", self.chat),), {})
        for path, resource in forwarding.ENDPOINTS.items():
            request = forwarding.decode(path, b"", None, b'{"model": "gpt-5"}')
            found = self.assertRaises(FaultError, router.forward, "gpt-5", request, context(), UnusedReceiver()).fault
            self.assertEqual((found.kind, found.status), ("endpoint_not_configured", 404))
            self.assertIn(f"/v1/{path}.", found.message)
            self.assertIn(f'pass_through = ["{resource}"]', found.message)
