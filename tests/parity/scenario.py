"""A scenario: the requests of one client, each given in full or as the follow-up to the last response.

A request that is given in full can refer to earlier responses: `{1.id}` (references.py).
"""

from typing import Final, Literal, TypeAlias

from attrs import frozen

from codexd.transcripts import json_layout
from codexd.wire import json
from codexd.wire.json import Json

CHAT: Final = "/v1/chat/completions"
RESPONSES: Final = "/v1/responses"
COMPLETIONS: Final = "/v1/completions"

_ENDPOINTS: Final = (
    (CHAT, "chat"),
    (RESPONSES, "responses"),
    (COMPLETIONS, "completions"),
    ("/v1/conversations", "conversations"),
    ("/v1/models", "models"),
    ("/livez", "probes"),
    ("/readyz", "probes"),
    ("/healthz", "probes"),
)
"""Paths, and the endpoint that each of them and the paths below it belong to."""

Place: TypeAlias = Literal["codex", "upstream", "gated"]
"""The server that a scenario is sent to: its back end and its settings (places.py)."""

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are sent."""


@frozen(kw_only=True)
class ScenarioRequest:
    """One request of a scenario.

    Attributes:
        headers: those that are special to this request; client.py adds the ones that every request has.
        disconnect_after_events: the client disconnects after so many events of the stream; None: it reads to
            the end.
        poll_until_done: the request is repeated until the Response that it shows is done; only the last
            answer is recorded.
    """

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Headers = ()
    disconnect_after_events: int | None = None
    poll_until_done: bool = False

    @classmethod
    def with_json(cls, path: str, body: Json) -> "ScenarioRequest":
        """Build a POST request with a JSON body."""
        return cls(path=path, body=json.encode(body))

    def render(self) -> bytes:
        """Return the request in the form that fixtures show: the body as JSON if it is, else as text."""
        shown: dict[str, Json] = {"method": self.method, "path": self.path}
        if self.headers:
            shown["headers"] = dict(self.headers)
        if self.disconnect_after_events is not None:
            shown["disconnect_after_events"] = self.disconnect_after_events
        if self.poll_until_done:
            shown["poll_until_done"] = True
        if self.body:
            shown |= _body(self.body)
        return json_layout.encode(shown)


@frozen
class ToolResults:
    """The client runs the tool calls of the last response and sends their outputs, in call order."""

    outputs: tuple[str, ...]


@frozen
class UserReply:
    """The client appends the last response to its history and sends another user message."""

    text: str


FollowUp: TypeAlias = ToolResults | UserReply

Step: TypeAlias = ScenarioRequest | FollowUp


@frozen(kw_only=True)
class Scenario:
    """One golden transcript.

    Attributes:
        name: unique among the scenarios of its place and endpoint; lower case, words joined by dashes.
        about: one line on what it shows.
        first: the first request.
        then: the requests after it, in order.
        place: the server it is sent to.
    """

    name: str
    about: str
    first: ScenarioRequest
    then: tuple[Step, ...] = ()
    place: Place = "codex"

    @property
    def endpoint(self) -> str:
        """Return the endpoint of the first request, which names a directory of fixtures."""
        path = self.first.path
        names = (name for start, name in _ENDPOINTS if path == start or path.startswith(f"{start}/"))
        return next(names, "other")

    @property
    def id(self) -> str:
        """Return the name that is unique among all scenarios: PLACE/ENDPOINT/NAME."""
        return f"{self.place}/{self.endpoint}/{self.name}"


def _body(body: bytes) -> dict[str, Json]:
    try:
        return {"body": json.decode(body)}
    except json.JsonError:
        return {"text": body.decode()}
