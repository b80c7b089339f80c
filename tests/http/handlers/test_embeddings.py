from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError, fault
from codexd.wire import json
from tests.support.cases import each_set_up
from tests.support.in_memory_server import InMemoryServer

PATH = "/v1/embeddings"
BODY = {"model": "embedder", "input": ["a", "b"], "dimensions": 3}


class EmbeddingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def test_the_request_is_forwarded_under_the_models_own_name_and_the_response_returned_unchanged(self) -> None:
        connection = self.server.connect()
        connection.request("POST", PATH, BODY, x_request_id="one")
        self.assertEqual([context.id for context in self.server.backend.embed_contexts], ["one"])
        ((model, body),) = self.server.backend.embedding
        self.assertEqual((model, json.decode(body)), ("embedder", BODY | {"model": "its-own-name"}))
        self.server.backend.embedded.callback(b'{"object": "list",  "data": []}')
        (response,) = connection.responses("POST")
        self.assertEqual((response.status, response.body), (200, b'{"object": "list",  "data": []}'))

    def test_an_invalid_request_is_refused_before_it_is_forwarded(self) -> None:
        response = self.server.request("POST", PATH, {"model": "embedder"})
        self.assertEqual((response.status, response.error["param"]), (400, "input"))
        self.assertEqual(self.server.backend.embedding, [])

    def test_a_model_without_embeddings_is_a_400(self) -> None:
        self.server.backend.begin_errors = [fault("unsupported", "No.", param="model")]
        response = self.server.request("POST", PATH, BODY)
        self.assertEqual((response.status, response.error["param"]), (400, "model"))

    def test_a_failure_of_the_upstream_is_an_error(self) -> None:
        connection = self.server.connect()
        connection.request("POST", PATH, BODY)
        self.server.backend.embedded.errback(FaultError(fault("credentials_rejected")))
        (response,) = connection.responses("POST")
        self.assertEqual((response.status, response.error["code"]), (502, "credentials_rejected"))

    def test_the_request_of_a_client_that_leaves_is_cancelled(self) -> None:
        cancelled: list[object] = []
        self.server.backend.embedded = Deferred(cancelled.append)
        connection = self.server.connect()
        connection.request("POST", PATH, BODY)
        connection.disconnect()
        self.assertEqual(len(cancelled), 1)
        record = self.server.log.records[0]
        self.assertEqual((record.status, record.outcome), (499, "client_disconnected"))

    def test_draining_waits_for_it_until_the_deadline(self) -> None:
        for late in each_set_up(self, False, True):
            connection = self.server.connect()
            connection.request("POST", PATH, BODY)
            closed = self.server.drain.run()
            self.assertNoResult(closed)
            self.assertEqual(self.server.request("POST", PATH, BODY).status, 503)
            if late:
                self.server.clock.advance(1000)
            else:
                self.server.backend.embedded.callback(b"{}")
            self.successResultOf(closed)
            (response,) = connection.responses("POST")
            self.assertEqual(response.status, 503 if late else 200)
