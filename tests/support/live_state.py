"""Live tests of what is kept: one kind of daemon for all of them, with two keys, and what they ask of it."""

from collections.abc import Iterable
from typing import Any

import openai

from codexd.wire.json import Json
from tests.support import seen
from tests.support.live import LiveTestCase, Setup

KEY, OTHER = "sk-codexd-first-key", "sk-codexd-second-key"
KEYS = ("--api-key", KEY, "--api-key", OTHER)
BACKGROUND_LIMIT = 3

NOTE: Json = {
    "type": "function",
    "name": "note",
    "description": "Writes something down.",
    "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}, "additionalProperties": False},
}


class StateTestCase(LiveTestCase):
    """Tests whose daemon keeps what it answers, by the real `openai` package."""

    kind = Setup(account=True, flags=KEYS, settings=f"[responses]\nbackground_limit = {BACKGROUND_LIMIT}\n")

    @property
    def client(self) -> openai.OpenAI:
        """Give the client with the first key."""
        return self.daemon.client(KEY)

    def ask(self, said: Any, **more: Any) -> Any:
        """Ask for a response."""
        return self.client.responses.create(model=self.daemon.model, input=said, **more)

    def go_on(self, before: Any, said: Any, **more: Any) -> Any:
        """Ask for one that goes on from another."""
        return self.ask(said, previous_response_id=before.id, **more)

    @property
    def shown(self) -> list[tuple[str, str]]:
        """What the provider was told last: who said what."""
        return seen.texts(self.daemon.asked)

    @property
    def shown_items(self) -> list[Json]:
        """What the provider was shown last; the status of an item depends on which thread it is on."""
        items = seen.items(self.daemon.asked)
        return [{name: value for name, value in item.items() if name != "status"} for item in items]

    def refused(self, kind: type[openai.APIStatusError], ask: Any, *args: Any, **more: Any) -> Json:
        """Ask for what must be refused; give the error's body."""
        return self.assertRaises(kind, ask, *args, **more).body


def result(call: Any, text: str) -> Json:
    """Make the result of a call."""
    return {"type": "function_call_output", "call_id": call.call_id, "output": text}


def plain(items: Iterable[Any]) -> list[Json]:
    """Give items, events or responses as they were on the wire."""
    return [item.to_dict(mode="json") for item in items]
