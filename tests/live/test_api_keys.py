"""API keys: with one configured, every request needs one, and each key has its own threads."""

import openai

from codexd.wire.json import Json
from tests.support.live_daemon import CHAT, DaemonSetup, LiveTestCase, message, user

KEY, OTHER = "sk-codexd-first-key", "sk-codexd-second-key"
FORMS = (
    {"authorization": f"Bearer {KEY}"},
    {"authorization": f"bearer {KEY}"},
    {"authorization": KEY},
    {"x-api-key": KEY},
    {"api-key": KEY},
)
WRONG: tuple[dict[str, str], ...] = (
    {},
    {"authorization": "Bearer sk-codexd-wrong"},
    {"authorization": f"Bearer {KEY}x"},
    {"authorization": f"Basic {KEY}"},
    {"authorization": "Bearer "},
    {"x-api-key": ""},
    {"api-key": KEY.upper()},
)


class ApiKeyTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True, flags=("--api-key", KEY, "--api-key", OTHER))

    def ask(self, history: list[Json], key: str) -> tuple[Json, str]:
        """Return the answer and the thread that the provider saw."""
        answer = self.daemon.post(CHAT, self.daemon.chat_body(history), {"x-api-key": key})
        return message(answer), self.daemon.last_provider_request["prompt_cache_key"]

    def test_a_key_is_accepted_in_every_form_that_clients_use(self) -> None:
        for headers in FORMS:
            answer = self.daemon.post(CHAT, self.daemon.chat_body("say: in"), headers)
            self.assertEqual(message(answer)["content"], "in", headers)
        completion = self.daemon.client(OTHER).chat.completions.create(
            model=self.daemon.model, messages=user("say: in")
        )
        self.assertEqual(completion.choices[0].message.content, "in")

    def test_requests_without_a_valid_key_get_401(self) -> None:
        for headers in WRONG:
            for answer in (
                self.daemon.post(CHAT, self.daemon.chat_body("say: out"), headers),
                self.daemon.get("/v1/models", headers),
                self.daemon.get(f"/v1/models/{self.daemon.model}", headers),
                self.daemon.get("/metrics", headers),
            ):
                self.assertEqual(answer.status, 401, headers)
                self.assertEqual(answer.json["error"]["code"], "invalid_api_key")
                self.assertTrue(answer.headers["x-request-id"])
        client = self.daemon.client("sk-codexd-wrong")
        self.assertRaises(openai.AuthenticationError, client.models.list)

    def test_a_large_body_without_a_key_is_rejected_unread(self) -> None:
        answer = self.daemon.post(CHAT, b" " * 2**24)
        self.assertEqual(answer.status, 401)

    def test_probes_need_no_key_and_reveal_nothing(self) -> None:
        for path in ("/livez", "/readyz", "/healthz"):
            answer = self.daemon.get(path)
            self.assertEqual(answer.status, 200)
            self.assertLessEqual(set(answer.json), {"status", "live", "ready"})

    def test_another_key_does_not_continue_a_thread(self) -> None:
        history = user("say: between us")
        said, thread = self.ask(history, KEY)
        longer = [*history, said, *user("say: and on")]
        self.assertNotEqual(self.ask(longer, OTHER)[1], thread)
        self.assertEqual(self.ask(longer, KEY)[1], thread)

    def test_no_key_is_in_the_log(self) -> None:
        self.daemon.post(CHAT, self.daemon.chat_body("say: in"), {"x-api-key": KEY})
        self.daemon.post(CHAT, self.daemon.chat_body("say: in"), {"x-api-key": "sk-codexd-wrong"})
        for key in (KEY, OTHER, "sk-codexd-wrong"):
            self.assertNotIn(key, self.daemon.log)
