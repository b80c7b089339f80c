from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.forwarding import ENDPOINTS
from codexd.policy.reload import ReloadReport
from codexd.settings import Admin
from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import InMemoryServer, Response, chat

WORK = ("chat/completions", "completions", "responses", "responses/compact", "embeddings", *ENDPOINTS)


class AdministrationTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(admin=Admin(api_keys=("root",)))

    def admin(self, method: str, path: str, body: Any = None) -> Response:
        return self.server.request(method, f"/admin/{path}", body, authorization="Bearer root")


class MaintenanceTests(AdministrationTestCase):
    def test_requests_for_work_are_refused_and_all_others_answered(self) -> None:
        state = {"enabled": True, "retry_after_seconds": 90, "message": "back at ten"}
        answer = self.admin("POST", "maintenance", state)
        self.assertEqual((answer.status, answer.json), (200, {"object": "maintenance", "keep": False, **state}))
        self.assertEqual(self.admin("GET", "maintenance").json, answer.json)
        for path in WORK:
            refused = self.server.request("POST", f"/v1/{path}", {"anything": 1})
            self.assertEqual((refused.status, refused.error["message"]), (503, "back at ten"), path)
            self.assertEqual((refused.headers["retry-after"], refused.headers["x-should-retry"]), ("90", "true"))
            self.assertEqual(self.server.log.records[-1].outcome, "maintenance")
        for path, status in (("/v1/models", 200), ("/livez", 200), ("/metrics", 200), ("/v1/responses/resp_1", 404)):
            self.assertEqual(self.server.request("GET", path).status, status, path)
        self.assertEqual(self.server.request("GET", "/readyz").json, {"status": "maintenance"})
        health = self.server.request("GET", "/healthz")
        self.assertEqual((health.status, health.json["status"], health.json["live"]), (503, "maintenance", True))

    def test_running_responses_finish_and_the_next_are_served_after_its_end(self) -> None:
        connection = self.server.connect()
        connection.request("POST", "/v1/chat/completions", chat(stream=True))
        self.admin("POST", "maintenance", {"enabled": True})
        turn = self.server.backend.turns[0]
        turn.emit(*text_answer("hello"))
        self.assertEqual(connection.response.events[-1], "[DONE]")
        self.admin("POST", "maintenance", {"enabled": False})
        self.assertEqual(self.server.request("GET", "/readyz").status, 200)
        self.server.connect().request("POST", "/v1/chat/completions", chat())
        self.assertEqual(len(self.server.backend.turns), 2)

    def test_wrong_fields_are_named_and_change_nothing(self) -> None:
        for body, param in (
            ({}, "enabled"),
            ({"enabled": "yes"}, "enabled"),
            ({"enabled": True, "retry_after_seconds": 0}, "retry_after_seconds"),
            ({"enabled": True, "message": ""}, "message"),
            ({"enabled": True, "message": "x" * 501}, "message"),
            ({"enabled": True, "keep": 1}, "keep"),
        ):
            answer = self.admin("POST", "maintenance", body)
            self.assertEqual((answer.status, answer.error["param"]), (400, param), body)
        self.assertFalse(self.admin("GET", "maintenance").json["enabled"])

    def test_a_state_that_cannot_be_kept_is_an_error(self) -> None:
        answer = self.admin("POST", "maintenance", {"enabled": True, "keep": True})
        self.assertEqual((answer.status, answer.error["code"]), (500, "store_failed"))
        self.assertFalse(self.admin("GET", "maintenance").json["enabled"])


class ReloadTests(AdministrationTestCase):
    def test_it_answers_what_was_applied_and_what_needs_a_restart(self) -> None:
        self.server.reload_report = ReloadReport(applied=("http.api_keys",), restart=("http.listen",))
        answer = self.admin("POST", "reload")
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.json,
            {"object": "reload", "applied": ["http.api_keys"], "restart_required": ["http.listen"], "problems": []},
        )

    def test_wrong_settings_are_a_409_with_the_reasons(self) -> None:
        self.server.reload_report = ReloadReport(problems=("http.listen: must not be empty",))
        answer = self.admin("POST", "reload")
        self.assertEqual((answer.status, answer.json["problems"]), (409, ["http.listen: must not be empty"]))


class ControlSiteTests(SynchronousTestCase):
    def test_on_the_control_socket_everyone_is_an_administrator(self) -> None:
        server = InMemoryServer()
        self.assertEqual(server.request("GET", "/admin/maintenance").status, 404)
        server.site = server.front.control_site
        server.site.doStart()
        self.assertEqual(server.request("GET", "/admin/maintenance").status, 200)
        self.assertEqual(server.log.records[-1].principal, "local-admin")
        self.assertEqual(server.request("GET", "/v1/models").status, 200)
