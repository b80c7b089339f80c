from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from tests.parity.scenario import CHAT, RESPONSES, Ask, Scenario


class AskTests(SynchronousTestCase):
    def test_it_is_shown_with_its_body_as_json(self) -> None:
        ask = Ask(CHAT, b'{"model": "scripted"}', headers=(("Origin", "null"),))
        self.assertEqual(
            json.decode(ask.render()),
            {"method": "POST", "path": CHAT, "headers": {"Origin": "null"}, "body": {"model": "scripted"}},
        )

    def test_a_body_that_is_not_json_is_shown_as_the_text_it_is(self) -> None:
        self.assertEqual(
            json.decode(Ask(CHAT, b'{"model').render()), {"method": "POST", "path": CHAT, "text": '{"model'}
        )

    def test_without_a_body_none_is_shown(self) -> None:
        self.assertEqual(json.decode(Ask("/x", method="GET").render()), {"method": "GET", "path": "/x"})

    def test_a_client_that_leaves_or_waits_is_shown_as_one(self) -> None:
        shown = json.decode(Ask("/x", method="GET", leaves_after=3, awaits_end=True).render())
        self.assertEqual(shown, {"method": "GET", "path": "/x", "leaves_after": 3, "awaits_end": True})


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
            self.assertEqual(Scenario("text", "a text", Ask(path)).endpoint, endpoint)

    def test_the_id_is_the_path_of_the_fixture(self) -> None:
        self.assertEqual(Scenario("text", "a text", Ask(CHAT), place="upstream").id, "upstream/chat/text")
