"""`truncation: "auto"` with the pinned Codex; codexd reads the context windows from its catalog."""

from codexd.wire.json import Json
from tests.support import provider_requests
from tests.support.live_daemon import RESPONSES, DaemonSetup, LiveTestCase, user

HUGE = "word " * 100_000
"""About half of the model's window of 258,400 tokens, at four bytes a token."""


class TruncationTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True)

    def shown(self, **fields: Json) -> list[str]:
        """Send a history that is too long and return the first words of the provider's messages."""
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
        return [text[:9].strip() for _, text in provider_requests.texts(self.daemon.last_provider_request)]

    def test_truncation_auto_drops_the_beginning_of_a_long_history(self) -> None:
        cut = ["Be brief.", "two word", "ok", "say: hi"]
        self.assertEqual(self.shown(truncation="auto"), cut)
        self.assertEqual(self.shown(), [*cut[:1], "one word", "ok", *cut[1:]])
