"""`truncation: "auto"` in front of Codex: what is too long for the model loses its beginning."""

from pathlib import Path

from attrs import evolve

from codexd.neutral.turn import Item, Message, TextPart, Turn
from codexd.settings import Settings, Turns
from codexd.wire import json
from codexd.wire.json import Json
from tests.child.test_keeping import KeepingTestCase
from tests.support.appserver_thread import Habits
from tests.support.codex import Codex, CodexReactor
from tests.support.listener import after, user

WINDOW = 1000
LONG = "word " * 100
"""An eighth of the window."""


def conversation(exchanges: int, last: str = f"say: so {LONG}") -> Turn:
    """Give one whose exchanges are an eighth of the window each, and so is the usual last question."""
    said: list[Item] = []
    for number in range(exchanges):
        said += [user(f"{number} {LONG}"), Message("assistant", (TextPart("ok"),))]
    return Turn("scripted", (*said, user(last)), truncation="auto")


class TruncationTests(KeepingTestCase):
    settings = Settings(turns=Turns(context_share=0.8))

    def setUp(self) -> None:
        self.start({"context_window": WINDOW, "effective_context_window_percent": 100})

    def start(self, told: Json) -> None:
        """Start a codex whose catalog tells this of its model."""
        reactor = CodexReactor()
        reactor.catalog = json.encode({"models": [{"slug": "scripted", **told}]})
        self.codex = Codex.up(Path(self.mktemp()), self.settings, reactor=reactor)
        self.codex.server.habits = Habits(window=WINDOW)

    def shown(self) -> list[str]:
        """The first words of what users said, as the model was shown it last."""
        asked = [item for item in self.codex.server.bodies[-1]["input"] if item["role"] == "user"]
        return [item["content"][0]["text"].split()[0] for item in asked]

    def test_the_beginning_of_what_is_too_long_is_left_out(self) -> None:
        self.codex.ask(conversation(8))
        self.assertEqual(self.shown(), ["4", "5", "6", "7", "say:"])
        self.assertEqual(self.figures("turn_truncated"), [1])

    def test_what_fits_is_not_touched_and_nothing_is_unless_it_is_asked(self) -> None:
        self.codex.ask(conversation(5))
        self.assertEqual(len(self.shown()), 6)
        self.codex.ask(evolve(conversation(8), truncation="disabled"))
        self.assertEqual(len(self.shown()), 9)
        self.assertEqual(self.figures("turn_truncated"), [0])

    def test_instructions_take_up_room(self) -> None:
        self.codex.ask(evolve(conversation(5), instructions=LONG * 3))
        self.assertLess(len(self.shown()), 6)

    def test_a_model_whose_window_nobody_told_is_asked_as_the_client_asked_until_a_thread_tells(self) -> None:
        self.start({})
        self.codex.ask(conversation(8))
        self.assertEqual(len(self.shown()), 9)
        self.codex.ask(conversation(9))
        self.assertLess(len(self.shown()), 9)

    def test_a_window_a_thread_told_counts_for_more_than_the_catalogs(self) -> None:
        self.codex.server.habits = Habits(window=10 * WINDOW)
        self.codex.ask(conversation(1))
        self.codex.ask(conversation(8))
        self.assertEqual(len(self.shown()), 9)

    def test_a_cut_conversation_goes_on_only_where_it_is_cut_alike(self) -> None:
        few = "usage: 1,0,1,0\nsay:"
        first = self.codex.ask(conversation(8, f"{few} one"))
        asked = evolve(first, turn=conversation(8, f"{few} one"))
        for text, begins, starts in (("two", "4", 1), (f"three {LONG * 2}", "5", 2)):
            follow_up = after(asked, f"{few} {text}")
            asked = evolve(self.codex.ask(follow_up), turn=follow_up)
            self.assertEqual((asked.kind, self.shown()[0], self.starts()), ("stop", begins, starts))
