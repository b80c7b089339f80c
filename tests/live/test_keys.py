"""API keys: once there is one, nobody comes in without; who comes in has threads of their own."""

import openai

from codexd.wire.json import Json
from tests.support.live import CHAT, LiveTestCase, Setup, message, user

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


class KeysTests(LiveTestCase):
    kind = Setup(account=True, flags=("--api-key", KEY, "--api-key", OTHER))

    def ask(self, history: list[Json], key: str) -> tuple[Json, str]:
        """Give what was said, and on which thread the provider was asked."""
        answer = self.daemon.post(CHAT, self.daemon.question(history), {"x-api-key": key})
        return message(answer), self.daemon.asked["prompt_cache_key"]

    def test_a_key_is_taken_in_every_form_that_clients_send_it_in(self) -> None:
        for headers in FORMS:
            answer = self.daemon.post(CHAT, self.daemon.question("say: in"), headers)
            self.assertEqual(message(answer)["content"], "in", headers)
        completion = self.daemon.client(OTHER).chat.completions.create(
            model=self.daemon.model, messages=user("say: in")
        )
        self.assertEqual(completion.choices[0].message.content, "in")

    def test_without_a_key_or_with_a_wrong_one_there_is_nothing_to_see(self) -> None:
        for headers in WRONG:
            for answer in (
                self.daemon.post(CHAT, self.daemon.question("say: out"), headers),
                self.daemon.get("/v1/models", headers),
                self.daemon.get(f"/v1/models/{self.daemon.model}", headers),
                self.daemon.get("/metrics", headers),
            ):
                self.assertEqual(answer.status, 401, headers)
                self.assertEqual(answer.json["error"]["code"], "invalid_api_key")
                self.assertTrue(answer.headers["x-request-id"])
        client = self.daemon.client("sk-codexd-wrong")
        self.assertRaises(openai.AuthenticationError, client.models.list)

    def test_a_stranger_s_large_body_is_refused_without_being_read(self) -> None:
        answer = self.daemon.post(CHAT, b" " * 2**24)
        self.assertEqual(answer.status, 401)

    def test_probes_take_no_key_and_tell_nothing(self) -> None:
        for path in ("/livez", "/readyz", "/healthz"):
            answer = self.daemon.get(path)
            self.assertEqual(answer.status, 200)
            self.assertLessEqual(set(answer.json), {"status", "live", "ready"})

    def test_one_key_s_conversation_is_not_gone_on_with_by_another(self) -> None:
        history = user("say: between us")
        said, thread = self.ask(history, KEY)
        longer = [*history, said, *user("say: and on")]
        self.assertNotEqual(self.ask(longer, OTHER)[1], thread)
        self.assertEqual(self.ask(longer, KEY)[1], thread)

    def test_no_key_is_in_the_log(self) -> None:
        self.daemon.post(CHAT, self.daemon.question("say: in"), {"x-api-key": KEY})
        self.daemon.post(CHAT, self.daemon.question("say: in"), {"x-api-key": "sk-codexd-wrong"})
        for key in (KEY, OTHER, "sk-codexd-wrong"):
            self.assertNotIn(key, self.daemon.log)
