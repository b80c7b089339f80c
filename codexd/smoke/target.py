"""The daemon that is checked, with the model that the checks ask, and what they stored there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from attrs import define, field

from codexd.smoke.client import OK, SmokeClient, SmokeError
from codexd.wire import json

PROMPT: Final = "say: ok"
"""Any model answers it with a few words, the scripted model with `ok`."""

_GONE: Final = 404


class SmokeSkip(Exception):
    """A check does not apply to this daemon; the message says why."""


@define(kw_only=True)
class SmokeTarget:
    """What the checks need.

    Attributes:
        client: sends the requests.
        model: the model that answers.
        embedding_model: a model with embeddings, if there is one.
    """

    client: SmokeClient
    model: str
    embedding_model: str | None = None
    _stored: list[str] = field(factory=list, init=False)

    def call(self, method: str, path: str, body: json.Json | None = None) -> Any:
        """Send a request and return the JSON body of its response."""
        return self.client.call(method, path, body)

    def chat(self, **more: Any) -> dict[str, Any]:
        """Build a Chat request."""
        return {"model": self.model, "messages": [{"role": "user", "content": PROMPT}]} | more

    def create(self, path: str, body: json.Json) -> Any:
        """Create a response or a conversation, which is deleted at the end, and return it."""
        created = self.call("POST", path, body)
        self.remember(f"{path}/{created['id']}")
        return created

    def remember(self, path: str) -> None:
        """Delete a stored object at the end of the check."""
        self._stored.append(path)

    def delete(self, path: str) -> None:
        """Delete a stored object now.

        Raises:
            SmokeError: if it cannot be deleted, or still exists.
        """
        self._stored.remove(path)
        if self.call("DELETE", path).get("deleted") is not True:
            raise SmokeError(f"DELETE {path} does not say that it is deleted")
        status = self.client.send("GET", path).status
        if status != _GONE:
            raise SmokeError(f"GET {path} has status {status} after its deletion, not 404")

    @contextmanager
    def cleaned(self) -> Iterator[None]:
        """Delete what was stored meanwhile, also after a failure.

        Raises:
            SmokeError: if something could not be deleted.
        """
        try:
            yield
        finally:
            stored, self._stored = self._stored, []
            left = [path for path in reversed(stored) if self.client.send("DELETE", path).status not in (OK, _GONE)]
        if left:
            raise SmokeError(f"could not be deleted: {', '.join(left)}")
