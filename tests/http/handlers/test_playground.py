import re
from html import unescape

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Failed
from codexd.neutral.fault import fault
from codexd.neutral.turn import Message, ToolResult
from codexd.settings import Admin, ApiKey, Http
from codexd.wire import json
from tests.http.test_page_access import named
from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import Connection, InMemoryServer, Response
from tests.support.page_client import FORM, PageClient

PATH = "/status/playground"


class PlaygroundTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()
        self.client = PageClient(self.server)
        self.page = self.client.get(PATH)

    def ask(self, accept: str = "text/html", **fields: str) -> Connection:
        """Send the form and return the connection, which waits for the model."""
        body = self.client.encode({"model": "gpt-5", "message": "hi"} | fields)
        return self.client.begin("POST", PATH, body, content_type=FORM, accept=accept)

    def answer(self, connection: Connection, text: str = "hello") -> Response:
        """Let the model answer and return the response."""
        self.server.backend.turns[-1].emit(*text_answer(text))
        return self.client.read(connection.response)


class WithoutScriptTests(PlaygroundTestCase):
    def test_the_models_are_listed(self) -> None:
        models = [card.id for card in self.server.backend.models()]
        self.assertEqual(re.findall(rb'<option value="([^"]+)"[^>]*>\1<', self.page.body)[:1], [models[0].encode()])

    def test_the_next_page_shows_the_whole_answer(self) -> None:
        page = self.answer(self.ask())
        self.assertEqual((page.status, page.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b'<div class="text">hi</div>', page.body)
        self.assertIn(b'<div class="text">hello</div>', page.body)
        record = self.server.log.records[-1]
        self.assertEqual((record.route, record.model, record.dialect, record.outcome), (PATH, "gpt-5", "chat", "ok"))

    def test_the_conversation_goes_on(self) -> None:
        page = self.answer(self.ask())
        found = re.search(rb'id="messages" value="([^"]*)"', page.body)
        assert found is not None
        self.ask(messages=unescape(found[1].decode()), message="and now?")
        items = self.server.backend.turns[-1].turn.items
        self.assertEqual([item.role for item in items if isinstance(item, Message)], ["user", "assistant", "user"])

    def test_tool_results_are_sent_back(self) -> None:
        call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        asked = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
        fields = {"messages": json.encode(asked).decode(), "result:call_1": "sunny", "message": ""}
        self.ask(**fields)
        last = self.server.backend.turns[-1].turn.items[-1]
        assert isinstance(last, ToolResult)
        self.assertEqual(last.call_id, "call_1")

    def test_a_failure_is_shown_with_the_form_as_it_was(self) -> None:
        connection = self.ask(message="my question")
        self.server.backend.turns[-1].emit(Failed(fault("model_failed")))
        response = connection.response
        self.assertEqual((response.status, self.server.log.records[-1].outcome), (502, "model_failed"))
        self.assertIn(b'role="alert">The model', response.body)
        self.assertIn(b">\nmy question</textarea>", response.body)

    def test_what_is_wrong_with_a_form_is_said(self) -> None:
        for fields, status in (
            ({"offers_tools": "yes", "tools": "["}, 400),
            ({"messages": "{"}, 400),
            ({"messages": '[{"a":' + "[" * 300 + "]" * 300 + "}]"}, 400),
            ({"effort": "x"}, 400),
        ):
            response = self.ask(**fields).response
            self.assertEqual(response.status, status, fields)
            self.assertIn(b'role="alert"', response.body)

    def test_a_client_that_leaves_stops_the_model(self) -> None:
        connection = self.ask()
        connection.disconnect()
        self.assertTrue(self.server.backend.turns[-1].cancelled)

    def test_maintenance_stops_it_too(self) -> None:
        self.client.get("/")
        self.client.post("/status/maintenance", {"enabled": "yes", "retry_after_seconds": "60"})
        self.assertEqual(self.ask().response.status, 503)


class WithScriptTests(PlaygroundTestCase):
    def test_the_answer_is_a_stream(self) -> None:
        connection = self.ask("text/event-stream")
        self.server.backend.turns[-1].emit(*text_answer("hello"))
        events = connection.response.events
        text = "".join(choice["delta"].get("content") or "" for event in events[:-1] for choice in event["choices"])
        self.assertEqual((text, events[-1], events[-2]["choices"]), ("hello", "[DONE]", []))
        self.assertEqual(connection.response.headers["x-content-type-options"], "nosniff")

    def test_an_error_is_json(self) -> None:
        refused = self.ask("text/event-stream", offers_tools="yes", tools="[").response
        self.assertEqual((refused.status, refused.error["param"]), (400, "tools"))
        outdated = self.ask("text/event-stream", token="wrong").response
        self.assertEqual((outdated.status, outdated.error["code"]), (403, "form_rejected"))


class KeyTests(SynchronousTestCase):
    def ask(self, server: InMemoryServer, key: str, model: str) -> Response:
        client = PageClient(server)
        client.sign_in(key)
        client.get(PATH)
        body = client.encode({"model": model, "message": "hi"})
        connection = client.begin("POST", PATH, body, content_type=FORM)
        if server.backend.turns:
            server.backend.turns[-1].emit(*text_answer("hello"))
        return connection.response

    def test_the_request_is_that_of_the_administrators_key(self) -> None:
        keys: tuple[ApiKey, ...] = (named("ann", "anns", admin=True, models=("gpt-5",)),)
        server = InMemoryServer(Http(), admin=Admin(), keys=keys)
        self.assertEqual(self.ask(server, "anns", "other").status, 403)
        self.assertEqual(self.ask(server, "anns", "gpt-5").status, 200)
        self.assertEqual(server.backend.turns[-1].turn.principal, "ann")
        self.assertEqual(server.log.records[-1].principal, "ann")
        self.assertEqual(server.metric("codexd_key_requests_total", key="ann"), 2)
