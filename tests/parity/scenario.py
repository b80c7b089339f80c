"""What a scenario is: the requests of one client, each told whole or as what follows on the last answer.

A request that is told whole can name what was said before it: `{1.id}` (reference.py).
"""

from typing import Final, Literal, TypeAlias

from attrs import frozen

from codexd.wire import json
from codexd.wire.json import Json
from tests.parity import layout

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
"""Paths, and the endpoints that they and the paths below them belong to."""

Place: TypeAlias = Literal["codex", "upstream", "gated"]
"""What a scenario is played on: who answers, and under which settings (places.py)."""

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are sent."""


@frozen
class Ask:
    """One request.

    Attributes:
        headers: those that make this request what it is; client.py adds the ones that every request has.
        leaves_after: the client goes away after so many events of the stream; None when it stays to the end.
        awaits_end: it is asked again and again until the Response that it shows is over; that answer counts.
    """

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Headers = ()
    leaves_after: int | None = None
    awaits_end: bool = False

    @classmethod
    def saying(cls, path: str, body: Json) -> "Ask":
        """Ask with a JSON body."""
        return cls(path, json.encode(body))

    def render(self) -> bytes:
        """Write it for a person: the body as JSON where it is, else as the text it is."""
        shown: dict[str, Json] = {"method": self.method, "path": self.path}
        if self.headers:
            shown["headers"] = dict(self.headers)
        if self.leaves_after is not None:
            shown["leaves_after"] = self.leaves_after
        if self.awaits_end:
            shown["awaits_end"] = True
        if self.body:
            shown |= _body(self.body)
        return layout.page(shown)


@frozen
class Results:
    """The client carried out the tool calls of the last answer; `texts` are their results, in call order."""

    texts: tuple[str, ...]


@frozen
class Reply:
    """The client keeps the last answer in its history and says something more."""

    text: str


FollowUp: TypeAlias = Results | Reply

Step: TypeAlias = Ask | FollowUp


@frozen
class Scenario:
    """One golden transcript.

    Attributes:
        name: unique among those of its place and endpoint; lower case, words joined by dashes.
        about: one line on what it shows.
        first: the first request.
        then: what follows on each answer, or is asked next.
        place: what it is played on.
    """

    name: str
    about: str
    first: Ask
    then: tuple[Step, ...] = ()
    place: Place = "codex"

    @property
    def endpoint(self) -> str:
        """Return the endpoint that the first request is sent to: the name of a folder of fixtures."""
        path = self.first.path
        found = (
            name for start, name in _ENDPOINTS if path == start or path.startswith((f"{start}/", f"{start}?"))
        )
        return next(found, "other")

    @property
    def id(self) -> str:
        """Return the name among all scenarios: PLACE/ENDPOINT/NAME."""
        return f"{self.place}/{self.endpoint}/{self.name}"


def _body(body: bytes) -> dict[str, Json]:
    try:
        return {"body": json.decode(body)}
    except json.Malformed:
        return {"text": body.decode()}
