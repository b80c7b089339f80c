"""`truncation: "auto"` with the pinned Codex, whose windows codexd reads from its catalog."""

from codexd.wire.json import Json
from tests.support import seen
from tests.support.live import RESPONSES, LiveTestCase, Setup, user

HUGE = "word " * 100_000
"""About half of the model's window of 258,400 tokens, at four bytes a token."""


class TruncationTests(LiveTestCase):
    kind = Setup(account=True)

    def shown(self, **fields: Json) -> list[str]:
        """Ask about a history that is too long; give the first words of what the provider was shown."""
        said = {"role": "assistant", "content": "ok"}
        history = [
            {"role": "developer", "content": "Be brief."},
            *user(f"one {HUGE}"),
            said,
            *user(f"two {HUGE}"),
            said,
            *user("say: hi"),
        ]
        body = {"model": self.daemon.model, "input": history, "store": False} | fields
        answer = self.daemon.post(RESPONSES, body)
        self.assertEqual(answer.status, 200, answer.body)
        return [text[:9].strip() for _, text in seen.texts(self.daemon.asked)]

    def test_the_beginning_of_what_is_too_long_is_left_out_if_the_client_wants_that(self) -> None:
        cut = ["Be brief.", "two word", "ok", "say: hi"]
        self.assertEqual(self.shown(truncation="auto"), cut)
        self.assertEqual(self.shown(), [*cut[:1], "one word", "ok", *cut[1:]])
