from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.fake_backend import message, text_answer
from tests.support.in_memory_server import InMemoryServer, Response, chat

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"


class TestRoutes(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def answered(self, path: str, body: object, **headers: str) -> Response:
        """Post, let the model answer, and give the response."""
        connection = self.server.connect()
        connection.request("POST", path, body, **headers)
        self.server.backend.turns.pop().emit(*text_answer())
        return connection.response

    def test_chat_is_answered_in_chat(self) -> None:
        for path in (CHAT, "/chat/completions", "/v1/v1/chat/completions/", "/api/v1/chat/completions"):
            response = self.answered(path, chat())
            self.assertEqual(response.json["object"], "chat.completion")
            self.assertEqual(response.json["choices"][0]["message"]["content"], "Hello")

    def test_responses_are_answered_in_responses(self) -> None:
        for path in (RESPONSES, "/responses", "/v1/v1/responses"):
            response = self.answered(path, {"model": "gpt-5", "input": "hi"})
            self.assertEqual((response.json["object"], response.json["status"]), ("response", "completed"))

    def test_a_responses_body_at_the_chat_door_is_answered_in_chat(self) -> None:
        response = self.answered(CHAT, {"model": "gpt-5", "input": "hi", "stream": True})
        self.assertEqual(response.events[0]["object"], "chat.completion.chunk")

    def test_the_journal_knows_the_door(self) -> None:
        self.answered(CHAT, chat(stream=True))
        self.answered(RESPONSES, {"model": "gpt-5", "input": "hi"})
        known = [(record.route, record.dialect, record.model, record.stream) for record in self.server.log.records]
        self.assertEqual(known, [(CHAT, "chat", "gpt-5", True), (RESPONSES, "responses", "gpt-5", False)])

    def test_models_are_listed(self) -> None:
        response = self.server.request("GET", "/v1/models")
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertEqual(response.json["object"], "list")
        self.assertEqual([model["id"] for model in response.json["data"]], ["gpt-5", "org/m:7b"])

    def test_a_model_is_shown_whatever_its_name(self) -> None:
        for path in ("/v1/models/org/m:7b", "/models/org%2Fm%3A7b", "/v1/models/org/m:7b/"):
            self.assertEqual(self.server.request("GET", path).json["id"], "org/m:7b")
        self.assertEqual({record.route for record in self.server.log.records}, {"/v1/models/{id}"})

    def test_a_model_that_is_not_there_is_404(self) -> None:
        response = self.server.request("GET", "/v1/models/gpt-9")
        self.assertEqual((response.status, response.error["code"]), (404, "model_not_found"))

    def test_a_head_is_a_get_without_its_body(self) -> None:
        for path in ("/v1/models", "/v1/models/gpt-5", "/livez", "/metrics"):
            head, get = self.server.request("HEAD", path), self.server.request("GET", path)
            self.assertEqual((head.status, head.body), (200, b""), path)
            if path != "/metrics":
                self.assertEqual(head.headers["content-length"], get.headers["content-length"])

    def test_a_wrong_method_is_405_and_told_the_right_ones(self) -> None:
        for method, path, allowed in (
            ("GET", CHAT, "OPTIONS, POST"),
            ("HEAD", CHAT, "OPTIONS, POST"),
            ("DELETE", RESPONSES, "OPTIONS, POST"),
            ("POST", "/v1/models", "GET, HEAD, OPTIONS"),
            ("PUT", "/v1/models/gpt-5", "GET, HEAD, OPTIONS"),
            ("BREW", "/livez", "GET, HEAD, OPTIONS"),
            ("POST", f"{RESPONSES}/resp_0", "DELETE, GET, HEAD, OPTIONS"),
            ("GET", f"{RESPONSES}/resp_0/cancel", "OPTIONS, POST"),
            ("DELETE", f"{RESPONSES}/resp_0/input_items", "GET, HEAD, OPTIONS"),
            ("PUT", f"{RESPONSES}/input_tokens", "DELETE, GET, HEAD, OPTIONS, POST"),
            ("GET", "/v1/conversations", "OPTIONS, POST"),
            ("PUT", "/v1/conversations/conv_0", "DELETE, GET, HEAD, OPTIONS, POST"),
            ("DELETE", "/v1/conversations/conv_0/items", "GET, HEAD, OPTIONS, POST"),
            ("POST", "/v1/conversations/conv_0/items/msg_0", "DELETE, GET, HEAD, OPTIONS"),
        ):
            response = self.server.request(method, path)
            self.assertEqual((response.status, response.headers["allow"]), (405, allowed), path)
            if method != "HEAD":
                self.assertEqual(response.error["type"], "invalid_request_error")

    def test_an_offer_of_a_websocket_at_responses_is_a_wrong_method(self) -> None:
        response = self.server.request("GET", RESPONSES, connection="Upgrade", upgrade="websocket")
        self.assertEqual((response.status, response.headers["allow"]), (405, "OPTIONS, POST"))

    def test_an_unknown_path_is_a_json_404_whatever_the_method(self) -> None:
        for method in ("GET", "POST", "DELETE"):
            for path in (
                "/",
                "/api/ps",
                "/v1/audio/speech",
                "/v1/chat/%ff",
                "/favicon.ico",
                "/livez/x",
                "/%00",
            ):
                response = self.server.request(method, path)
                self.assertEqual(response.status, 404, path)
                self.assertEqual(response.error["message"], "Unknown request URL.")

    def test_an_id_that_can_be_none_leads_nowhere_and_is_not_repeated(self) -> None:
        for id in ("a" * 257, "a%20b", "%00", "%3Cb%3E", "caf%C3%A9", "a%2Fb/c", "a;b"):
            for path in (f"{RESPONSES}/{id}", f"{RESPONSES}/{id}/input_items", f"/v1/conversations/{id}"):
                response = self.server.request("GET", path)
                self.assertEqual((response.status, response.error["message"]), (404, "Unknown request URL."), path)

    def test_the_journal_knows_paths_by_their_templates(self) -> None:
        for path in ("resp_0", "resp_0/input_items"):
            self.server.request("GET", f"{RESPONSES}/{path}")
        for path in ("conv_0", "conv_0/items", "conv_0/items/msg_0"):
            self.server.request("DELETE" if "msg" in path else "GET", f"/v1/conversations/{path}")
        routes = [record.route for record in self.server.log.records]
        self.assertEqual(routes[:2], [f"{RESPONSES}/{{id}}", f"{RESPONSES}/{{id}}/input_items"])
        conversation = "/v1/conversations/{id}"
        self.assertEqual(routes[2:], [conversation, f"{conversation}/items", f"{conversation}/items/{{item_id}}"])

    def test_every_spelling_of_a_path_with_an_id_is_the_same(self) -> None:
        self.answered(RESPONSES, {"model": "gpt-5", "input": "hi"})
        id = self.answered(RESPONSES, {"model": "gpt-5", "input": "hi"}).json["id"]
        for path in (f"/responses/{id}", f"/v1/v1/responses/{id}/", f"/api/v1/responses//{id}"):
            self.assertEqual(self.server.request("GET", path).json["id"], id)

    def test_a_page_may_delete(self) -> None:
        headers = {"origin": "http://localhost:3000", "access_control_request_method": "DELETE"}
        response = self.server.request("OPTIONS", f"{RESPONSES}/resp_0", **headers)
        self.assertIn("DELETE", response.headers["access-control-allow-methods"])

    def test_metrics_are_shown_and_need_a_key_where_keys_are(self) -> None:
        response = self.server.request("GET", "/metrics")
        self.assertIn("text/plain", response.headers["content-type"])
        self.assertIn(b"codexd_requests_running 0.0", response.body)
        self.assertEqual(InMemoryServer(Http(api_keys=("secret",))).request("GET", "/metrics").status, 401)

    def test_reasoning_is_shown_or_not_by_the_settings(self) -> None:
        for shown in (True, False):
            self.server = InMemoryServer(Http(reasoning_content=shown))
            connection = self.server.connect()
            connection.request("POST", CHAT, chat())
            thought = (e.ReasoningOpened(0, "rs_0"), e.SummaryDelta(0, 0, "hm"), e.ReasoningClosed(0))
            self.server.backend.turns[0].emit(e.Began(), *thought, *message(index=1), e.Ended("stop"))
            message_shown = connection.response.json["choices"][0]["message"]
            self.assertEqual(message_shown.get("reasoning_content"), "hm" if shown else None)

    def test_an_exception_in_a_route_is_a_json_500_and_tells_the_log_where(self) -> None:
        self.server.backend.cards = None
        response = self.server.request("GET", "/v1/models", x_request_id="one")
        self.assertEqual((response.status, response.error["code"]), (500, "internal"))
        self.assertEqual(response.headers["x-should-retry"], "false")
        self.assertEqual(self.server.log.records[0].outcome, "internal")
        self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)
