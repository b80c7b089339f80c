"""Runs one scenario once and records the sections of its transcript."""

from collections.abc import Sequence
from typing import Final, Protocol

from attrs import Factory, define

from codexd.transcripts import json_layout
from codexd.transcripts.normalise import Normaliser, normalise_provider_requests
from codexd.transcripts.scenario_file import INCOMPLETE as INCOMPLETE
from codexd.wire.json import Json
from tests.parity.client import HttpResponse
from tests.parity.fixtures import Sections
from tests.parity.follow_up import build_follow_up
from tests.parity.references import resolve_references
from tests.parity.response_content import UnusableResponseError, parse_progress
from tests.parity.scenario import Scenario, ScenarioRequest, Step

IMPOSSIBLE: Final = "(the client cannot continue: {})"
"""Replaces a request that could not be built."""


class ScenarioServer(Protocol):
    """Answers the requests of scenarios (private_server.PrivateServer)."""

    async def send(self, request: ScenarioRequest, client: str) -> HttpResponse:
        """Send a request as a client; raise TimeoutError when the response does not end in time."""
        ...

    def take_provider_requests(self) -> Sequence[dict[str, Json]]:
        """Return and remove the bodies of the requests that the provider received since the last call."""
        ...


async def record(scenario: Scenario, server: ScenarioServer) -> Sections:
    """Run a scenario and return the normalised sections of both sides.

    The scenario ends early when the client cannot continue from a response; a section says so.

    Raises:
        TimeoutError: when a response does not end in time.
    """
    recording = _Recording(client=scenario.id, server=server)
    server.take_provider_requests()
    for step in (scenario.first, *scenario.then):
        try:
            await recording.run(step)
        except UnusableResponseError as why:
            recording.sections[recording.section("request")] = IMPOSSIBLE.format(why).encode() + b"\n"
            break
    return recording.sections


def find_flaws(sections: Sections) -> tuple[str, ...]:
    """Return the sections that no fixture should have: incomplete responses and impossible requests."""
    marks = (f"\n{INCOMPLETE}\n\n".encode(), IMPOSSIBLE.partition("{")[0].encode())
    return tuple(name for name, data in sections.items() if any(mark in data for mark in marks))


@define(kw_only=True)
class _Recording:
    """The exchanges of a scenario so far.

    Attributes:
        sections: what was recorded, by section name.
    """

    _client: str
    _server: ScenarioServer
    sections: dict[str, bytes] = Factory(dict)
    _requests: list[ScenarioRequest] = Factory(list)
    _responses: list[HttpResponse] = Factory(list)
    _normaliser: Normaliser = Factory(Normaliser)
    _running: bool = False

    def section(self, kind: str, format: str = "json") -> str:
        """Return the name of a section of the current exchange."""
        return f"{kind}.{len(self._responses) + 1}.{format}"

    async def run(self, step: Step) -> None:
        """Run one exchange.

        Raises:
            UnusableResponseError: when the client cannot build its request from the responses so far.
        """
        request = self._build_request(step)
        response = await self._server.send(request, self._client)
        shown = self._normaliser.apply("request", request.render().decode())
        self.sections[self.section("request")] = shown.encode()
        self._record_provider(response, disconnected=request.disconnect_after_events is not None)
        self.sections[self.section("response", "http")] = _render(response, self._normaliser)
        self._requests.append(request)
        self._responses.append(response)

    def _build_request(self, step: Step) -> ScenarioRequest:
        if isinstance(step, ScenarioRequest):
            return resolve_references(step, self._responses)
        return build_follow_up(self._requests[-1], self._responses[-1], step)

    def _record_provider(self, response: HttpResponse, disconnected: bool) -> None:
        """Record the requests that the provider received.

        While a response runs without a client, it is not determined whether the provider has been asked yet:
        its requests are recorded with the exchange that shows the response's end.
        """
        progress = "running" if disconnected else parse_progress(response)
        self._running = self._running if progress is None else progress == "running"
        bodies = [] if self._running else normalise_provider_requests(self._server.take_provider_requests())
        if bodies:
            shown = self._normaliser.apply("provider", json_layout.encode(bodies).decode())
            self.sections[self.section("provider")] = shown.encode()


def _render(response: HttpResponse, normaliser: Normaliser) -> bytes:
    lines = response.head if response.complete else (*response.head, INCOMPLETE)
    head = normaliser.apply("head", "\n".join(lines))
    # Keep bytes that are not UTF-8: they must show in the comparison.
    body = normaliser.apply("body", response.body.decode("utf-8", "surrogateescape"))
    return f"{head}\n\n{body}".encode("utf-8", "surrogateescape")
