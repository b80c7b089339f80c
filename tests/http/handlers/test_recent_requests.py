from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.settings import Admin
from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import Connection, InMemoryServer, Response, chat


class RecentRequestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(admin=Admin(api_keys=("root",)))

    def admin(self, path: str) -> Response:
        return self.server.request("GET", f"/admin/requests{path}", authorization="Bearer root")

    def start(self, id: str, **options: Any) -> Connection:
        connection = self.server.connect()
        connection.request("POST", "/v1/chat/completions", chat(**options), x_request_id=id)
        return connection

    def test_a_finished_stream_is_explained_without_its_content(self) -> None:
        connection = self.start("req_1", stream=True)
        self.server.clock.advance(0.5)
        self.server.backend.turns[0].emit(*text_answer("a secret answer"))
        sent = len(connection.response.body)
        answer = self.admin("/req_1")
        self.assertEqual(answer.status, 200)
        (story,) = answer.json["data"]
        self.assertEqual((story["id"], story["status"], story["outcome"]), ("req_1", 200, "ok"))
        self.assertEqual((story["route"], story["dialect"]), ("/v1/chat/completions", "chat"))
        self.assertEqual((story["running"], story["milliseconds"]), (False, 500))
        self.assertEqual(story["response_bytes"], sent)
        self.assertGreater(story["request_bytes"], 20)
        steps = {(step["kind"], step["label"]): step for step in story["timeline"]}
        self.assertEqual(steps["event", "text"]["characters"], len("a secret answer"))
        self.assertEqual(steps["event", "text"]["at_milliseconds"], 500)
        self.assertEqual(steps["sent", ""]["status"], "200")
        self.assertEqual(story["timeline"][0]["kind"], "received")
        self.assertEqual((story["timeline"][-1]["kind"], story["timeline"][-1]["status"]), ("ended", "ok"))
        self.assertNotIn(b"secret", answer.body)

    def test_a_running_request_is_explained_as_far_as_it_came(self) -> None:
        self.start("req_1", stream=True)
        self.server.clock.advance(2)
        (story,) = self.admin("/req_1").json["data"]
        self.assertEqual((story["running"], story["status"], story["outcome"]), (True, None, None))
        self.assertEqual(story["milliseconds"], 2000)
        (listed,) = self.admin("?outcome=running").json["data"]
        self.assertEqual(listed["id"], "req_1")
        self.assertNotIn("timeline", listed)

    def test_the_pause_of_a_slow_client_is_a_step(self) -> None:
        connection = self.start("req_1", stream=True)
        connection.transport.reading = False
        turn = self.server.backend.turns[0]
        turn.emit(*text_answer(*["x" * 2**20] * 4)[:-2])
        turn.emit(e.MessageOpened(1, "msg_1"), *[e.TextDelta(1, "x" * 2**20)] * 4)
        self.server.clock.advance(1)
        connection.transport.reading = True
        connection.transport.read(2**24)
        self.server.clock.advance(1)
        (story,) = self.admin("/req_1").json["data"]
        self.assertIn("pause", turn.actions)
        self.assertIn("paused", [step["kind"] for step in story["timeline"]])

    def test_a_background_response_is_one_of_its_own_under_the_same_id(self) -> None:
        body = {"model": "m", "input": "hi", "background": True}
        self.server.request("POST", "/v1/responses", body, x_request_id="req_1")
        self.assertEqual([one["method"] for one in self.admin("?outcome=running").json["data"]], ["background"])
        self.server.backend.turns[0].emit(*text_answer("done"))
        request, response = self.admin("/req_1").json["data"]
        self.assertEqual((request["method"], response["method"]), ("POST", "background"))
        kinds = [(step["kind"], step["label"]) for step in response["timeline"]]
        self.assertEqual([label for kind, label in kinds if kind == "store"], ["queued", "end"])
        self.assertEqual(self.admin("?outcome=running").json["data"], [])

    def test_a_background_response_that_cannot_be_stored_does_not_run(self) -> None:
        self.server.store.fail()
        body = {"model": "m", "input": "hi", "background": True}
        self.assertEqual(self.server.request("POST", "/v1/responses", body, x_request_id="req_1").status, 500)
        self.assertEqual(self.admin("?outcome=running").json["data"], [])

    def test_refused_requests_are_listed_by_their_outcome(self) -> None:
        self.server.request("POST", "/v1/chat/completions", {"model": 1})
        self.server.request("GET", "/v1/models")
        (listed,) = self.admin("?outcome=failed").json["data"]
        self.assertEqual((listed["status"], listed["route"]), (400, "/v1/chat/completions"))
        self.assertEqual(len(self.admin("").json["data"]), 2)
        self.assertEqual(len(self.admin("?limit=1").json["data"]), 1)
        self.assertEqual(self.admin("?key=somebody").json["data"], [])

    def test_wrong_conditions_and_unknown_ids_are_named(self) -> None:
        self.assertEqual(self.admin("?limit=0").error["param"], "limit")
        unknown = self.admin("/req_2")
        self.assertEqual((unknown.status, unknown.error["code"]), (404, None))
        self.assertIn("observe.recent_requests", unknown.error["message"])
