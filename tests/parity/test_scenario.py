from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from tests.parity.scenario import CHAT, RESPONSES, Scenario, ScenarioRequest


class ScenarioRequestTests(SynchronousTestCase):
    def test_a_json_body_is_rendered_as_json(self) -> None:
        request = ScenarioRequest(path=CHAT, body=b'{"model": "scripted"}', headers=(("Origin", "null"),))
        self.assertEqual(
            json.decode(request.render()),
            {"method": "POST", "path": CHAT, "headers": {"Origin": "null"}, "body": {"model": "scripted"}},
        )

    def test_another_body_is_rendered_as_text(self) -> None:
        self.assertEqual(
            json.decode(ScenarioRequest(path=CHAT, body=b'{"model').render()),
            {"method": "POST", "path": CHAT, "text": '{"model'},
        )

    def test_without_a_body_none_is_rendered(self) -> None:
        self.assertEqual(
            json.decode(ScenarioRequest(path="/x", method="GET").render()), {"method": "GET", "path": "/x"}
        )

    def test_disconnecting_and_polling_are_rendered(self) -> None:
        shown = json.decode(
            ScenarioRequest(path="/x", method="GET", disconnect_after_events=3, poll_until_done=True).render()
        )
        self.assertEqual(shown, {"method": "GET", "path": "/x", "disconnect_after_events": 3, "poll_until_done": True})


class ScenarioTests(SynchronousTestCase):
    def test_the_endpoint_is_that_of_the_first_request(self) -> None:
        for path, endpoint in (
            (CHAT, "chat"),
            (RESPONSES, "responses"),
            (f"{RESPONSES}/input_tokens", "responses"),
            ("/v1/completions", "completions"),
            ("/v1/conversations", "conversations"),
            ("/v1/models/scripted", "models"),
            ("/readyz", "probes"),
            (f"{CHAT}s", "other"),
        ):
            self.assertEqual(Scenario(name="text", about="a text", first=ScenarioRequest(path=path)).endpoint, endpoint)

    def test_the_id_is_the_path_of_the_fixture(self) -> None:
        self.assertEqual(
            Scenario(name="text", about="a text", first=ScenarioRequest(path=CHAT), place="upstream").id,
            "upstream/chat/text",
        )
