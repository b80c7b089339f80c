"""What clients receive over HTTP when an upstream answers in its own way, and when another back end is asked."""

from collections.abc import Iterator

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.interfaces import IModelBackend
from codexd.policy.fallback import CODEX
from codexd.routing.router import BackendEntry, ModelRouter
from codexd.settings import ModelAlias
from tests.backs.chat.test_servers import STREAMS
from tests.support.endpoints import ENDPOINTS, Endpoint
from tests.support.fake_backend import FakeBackend, text_answer
from tests.support.fake_upstream import SETTINGS, UpstreamHarness
from tests.support.in_memory_server import InMemoryServer, Response


class _Answering:
    """A server whose model `m1` is that of an upstream, with Codex's `m2` as its fallback if there is one."""

    def __init__(self, fallback: bool) -> None:
        self.upstream = UpstreamHarness(evolve(SETTINGS, retries=0))
        self.alias = ModelAlias(name="m1", upstream="up", fallback=("m2",) if fallback else ())
        self.server = InMemoryServer(wrap_backend=self.route)

    def route(self, backend: FakeBackend) -> IModelBackend:
        entries = [BackendEntry(name=CODEX, backend=backend), BackendEntry(name="up", backend=self.upstream.backend)]
        return ModelRouter(entries, {"m1": self.alias}, lambda _: None)

    def answer(self, endpoint: Endpoint, stream: bool, name: str) -> Response:
        """Request an answer, and let the upstream send a recorded response."""
        connection = self.server.connect()
        connection.request("POST", endpoint.path, endpoint.body | {"stream": stream}, **endpoint.headers)
        self.upstream.clock.advance(0)
        self.upstream.accept().send_response(STREAMS[name])
        for model in self.server.backend.turns:
            model.emit(*text_answer("Instead"))
        return connection.response


def requests() -> Iterator[tuple[Endpoint, bool]]:
    """Yield every endpoint, with a JSON body and with a stream."""
    return ((endpoint, stream) for endpoint in ENDPOINTS for stream in (False, True))


class AnswersOverHttpTests(SynchronousTestCase):
    def test_another_back_end_is_asked_if_an_answer_was_aborted_before_it_began(self) -> None:
        for name in ("vllm/abort-first.sse", "vllm/abort.json"):
            for endpoint, stream in requests():
                response = _Answering(fallback=True).answer(endpoint, stream, name)
                self.assertEqual(response.status, 200, (name, endpoint.name))
                self.assertIn(b"Instead", response.body)
                self.assertTrue(response.whole)

    def test_an_answer_that_was_aborted_is_never_complete(self) -> None:
        for endpoint, stream in requests():
            response = _Answering(fallback=True).answer(endpoint, stream, "vllm/abort.sse")
            self.assertEqual(response.status, 200 if stream else 502, endpoint.name)
            message = endpoint.error(response.body) if stream else response.error["message"]
            self.assertEqual(message, "The model's provider ended the response with the finish reason 'abort'.")
            for complete in (b'"status":"completed"', b'"finish_reason":"stop"', b"response.completed"):
                self.assertNotIn(complete, response.body)

    def test_an_error_in_other_words_has_its_status(self) -> None:
        for name in ("gateway/error-message.json", "gateway/error-message.sse", "gemini/error-array.json"):
            for endpoint, stream in requests():
                response = _Answering(fallback=False).answer(endpoint, stream, name)
                self.assertEqual((response.status, response.error["code"]), (400, "context_length_exceeded"), name)

    def test_the_log_names_the_finish_reason(self) -> None:
        for endpoint, stream in requests():
            answering = _Answering(fallback=False)
            answering.answer(endpoint, stream, "zhipu/network-error.sse")
            (record,) = answering.server.log.records
            self.assertEqual((record.outcome, record.note), ("model_failed", "finish_reason=network_error"))
