"""The store calls of every endpoint carry the id of the request that makes them."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import InMemoryServer

ITEM = {"type": "message", "role": "user", "content": "hi"}


class RequestIdTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()
        self.count = 0

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request, and assert that it makes store calls and that all of them carry its id."""
        self.count += 1
        id, store = f"req_{self.count}", self.server.store
        before, turns = len(store.calls), len(self.server.backend.turns)
        connection = self.server.connect()
        connection.request(method, path, body, x_request_id=id)
        for turn in self.server.backend.turns[turns:]:
            turn.emit(*text_answer())
        (response,) = connection.responses(method)
        self.assertEqual(response.status, 200, response.body)
        made = list(zip(store.calls[before:], store.request_ids[before:], strict=True))
        self.assertEqual(made, [(name, id) for name, _ in made])
        self.assertTrue(made, path)
        return response.json

    def test_responses(self) -> None:
        first = self.send("POST", "/v1/responses", {"model": "gpt-5", "input": "hi"})["id"]
        asked = {"model": "gpt-5", "input": "more", "previous_response_id": first}
        self.send("POST", "/v1/responses", asked)
        background = self.send("POST", "/v1/responses", asked | {"background": True})["id"]
        self.send("POST", "/v1/responses/input_tokens", asked)
        self.send("GET", f"/v1/responses/{first}")
        self.send("GET", f"/v1/responses/{first}/input_items")
        self.send("POST", f"/v1/responses/{background}/cancel")
        self.send("DELETE", f"/v1/responses/{first}")

    def test_conversations(self) -> None:
        conversation = f"/v1/conversations/{self.send('POST', '/v1/conversations', {'items': [ITEM]})['id']}"
        self.send("GET", conversation)
        self.send("POST", conversation, {"metadata": {"a": "b"}})
        item = self.send("POST", f"{conversation}/items", {"items": [ITEM]})["data"][0]["id"]
        self.send("GET", f"{conversation}/items")
        self.send("GET", f"{conversation}/items/{item}")
        self.send("DELETE", f"{conversation}/items/{item}")
        self.send("DELETE", conversation)
