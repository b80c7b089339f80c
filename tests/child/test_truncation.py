"""`truncation: "auto"` over Codex: the beginning of a history that is too long is dropped."""

from pathlib import Path

from attrs import evolve

from codexd.neutral.turn import Item, Message, TextPart, Turn
from codexd.settings import Settings, Turns
from codexd.wire import json
from codexd.wire.json import Json
from tests.child.test_suspended_turns import IdleThreadsTestCase
from tests.support.fake_app_server_thread import AppServerBehaviour
from tests.support.in_memory_codex import FakeCodexReactor, InMemoryCodex
from tests.support.recording_sink import continued, user_message

WINDOW = 1000
LONG = "word " * 100
"""An eighth of the window."""


def conversation(exchanges: int, last: str = f"say: so {LONG}") -> Turn:
    """Build a turn; each exchange, and the default last question, is an eighth of the window."""
    said: list[Item] = []
    for number in range(exchanges):
        said += [user_message(f"{number} {LONG}"), Message(role="assistant", parts=(TextPart("ok"),))]
    return Turn(model="scripted", items=(*said, user_message(last)), truncation="auto")


class TruncationTests(IdleThreadsTestCase):
    settings = Settings(turns=Turns(context_share=0.8))

    def setUp(self) -> None:
        self.start({"context_window": WINDOW, "effective_context_window_percent": 100})

    def start(self, model: Json) -> None:
        """Start Codex with these members in its model's catalog entry."""
        reactor = FakeCodexReactor()
        reactor.catalog = json.encode({"models": [{"slug": "scripted", **model}]})
        self.codex = InMemoryCodex.started(Path(self.mktemp()), self.settings, reactor=reactor)
        self.codex.server.behaviour = AppServerBehaviour(window=WINDOW)

    def shown(self) -> list[str]:
        """Return the first words of the user messages in the last request to the model."""
        asked = [item for item in self.codex.server.model_requests[-1]["input"] if item["role"] == "user"]
        return [item["content"][0]["text"].split()[0] for item in asked]

    def test_the_beginning_of_a_long_history_is_dropped(self) -> None:
        self.codex.ask(conversation(8))
        self.assertEqual(self.shown(), ["4", "5", "6", "7", "say:"])
        self.assertEqual(self.figures("turn_truncated"), [1])

    def test_a_history_that_fits_or_without_truncation_is_unchanged(self) -> None:
        self.codex.ask(conversation(5))
        self.assertEqual(len(self.shown()), 6)
        self.codex.ask(evolve(conversation(8), truncation="disabled"))
        self.assertEqual(len(self.shown()), 9)
        self.assertEqual(self.figures("turn_truncated"), [0])

    def test_instructions_count(self) -> None:
        self.codex.ask(evolve(conversation(5), instructions=LONG * 3))
        self.assertLess(len(self.shown()), 6)

    def test_nothing_is_dropped_until_the_window_is_known(self) -> None:
        self.start({})
        self.codex.ask(conversation(8))
        self.assertEqual(len(self.shown()), 9)
        self.codex.ask(conversation(9))
        self.assertLess(len(self.shown()), 9)

    def test_a_window_reported_by_a_thread_overrides_the_catalog(self) -> None:
        self.codex.server.behaviour = AppServerBehaviour(window=10 * WINDOW)
        self.codex.ask(conversation(1))
        self.codex.ask(conversation(8))
        self.assertEqual(len(self.shown()), 9)

    def test_a_truncated_thread_continues_only_if_it_is_truncated_alike(self) -> None:
        few = "usage: 1,0,1,0\nsay:"
        first = self.codex.ask(conversation(8, f"{few} one"))
        asked = evolve(first, turn=conversation(8, f"{few} one"))
        for text, begins, starts in (("two", "4", 1), (f"three {LONG * 2}", "5", 2)):
            follow_up = continued(asked, f"{few} {text}")
            asked = evolve(self.codex.ask(follow_up), turn=follow_up)
            self.assertEqual((asked.kind, self.shown()[0], self.starts()), ("stop", begins, starts))
