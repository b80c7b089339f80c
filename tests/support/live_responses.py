"""Base class of live tests of stored responses, by the `openai` package with two API keys."""

from collections.abc import Iterable
from typing import Any

import openai

from codexd.wire.json import Json
from tests.support import provider_requests
from tests.support.live_daemon import DaemonSetup, LiveTestCase

KEY, OTHER = "sk-codexd-first-key", "sk-codexd-second-key"
KEYS = ("--api-key", KEY, "--api-key", OTHER)
BACKGROUND_LIMIT = 3

NOTE: Json = {
    "type": "function",
    "name": "note",
    "description": "Writes something down.",
    "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}, "additionalProperties": False},
}


class StoredResponsesTestCase(LiveTestCase):
    """Tests of stored responses through the `openai` package."""

    daemon_setup = DaemonSetup(
        account=True, flags=KEYS, settings=f"[responses]\nbackground_limit = {BACKGROUND_LIMIT}\n"
    )

    @property
    def client(self) -> openai.OpenAI:
        """A client with the first key."""
        return self.daemon.client(KEY)

    def ask(self, said: Any, **more: Any) -> Any:
        """Create a response."""
        return self.client.responses.create(model=self.daemon.model, input=said, **more)

    def continue_response(self, before: Any, said: Any, **more: Any) -> Any:
        """Create a response that continues another."""
        return self.ask(said, previous_response_id=before.id, **more)

    @property
    def shown(self) -> list[tuple[str, str]]:
        """The roles and texts of the provider's last request."""
        return provider_requests.texts(self.daemon.last_provider_request)

    @property
    def shown_items(self) -> list[Json]:
        """The items of the provider's last request, without their status, which depends on the thread."""
        items = provider_requests.items(self.daemon.last_provider_request)
        return [{name: value for name, value in item.items() if name != "status"} for item in items]

    def refused(self, kind: type[openai.APIStatusError], ask: Any, *args: Any, **more: Any) -> Json:
        """Send a request that must fail and return the error's body."""
        return self.assertRaises(kind, ask, *args, **more).body


def result(call: Any, text: str) -> Json:
    """Build the result of a call."""
    return {"type": "function_call_output", "call_id": call.call_id, "output": text}


def plain(items: Iterable[Any]) -> list[Json]:
    """Return items, events or responses as JSON."""
    return [item.to_dict(mode="json") for item in items]
