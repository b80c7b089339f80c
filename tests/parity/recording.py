"""One scenario played once: the pages of its transcript."""

from collections.abc import Sequence
from typing import Final, Protocol

from attrs import Factory, define

from codexd.wire.json import Json
from tests.parity import layout
from tests.parity.client import Response
from tests.parity.continuing import following
from tests.parity.fixtures import Pages
from tests.parity.normalise import Normaliser, asked
from tests.parity.reading import Unanswerable, standing
from tests.parity.reference import resolved
from tests.parity.scenario import Ask, Scenario, Step

BROKEN_OFF: Final = "(the connection broke off before the end of the body)"
"""Stands after the headers of a response that is not whole."""

IMPOSSIBLE: Final = "(the client cannot go on: {})"
"""Stands in place of a request that could not be made."""


class Scene(Protocol):
    """What a scenario is played on (stage.Stage)."""

    async def play(self, ask: Ask, player: str) -> Response:
        """Send a request as a player; raises TimeoutError when the answer does not end in time."""
        ...

    def asked(self) -> Sequence[dict[str, Json]]:
        """Give, and forget, what the model was asked since last time."""
        ...


async def record(scenario: Scenario, scene: Scene) -> Pages:
    """Play a scenario and write down what was said on both sides, normalised.

    A client that cannot go on from an answer stops there: the pages say so.

    Raises:
        TimeoutError: when an answer does not end in time.
    """
    recording = _Recording(scenario.id, scene)
    scene.asked()
    for step in (scenario.first, *scenario.then):
        try:
            await recording.play(step)
        except Unanswerable as why:
            recording.pages[recording.page("request")] = IMPOSSIBLE.format(why).encode() + b"\n"
            break
    return recording.pages


def flaws(pages: Pages) -> tuple[str, ...]:
    """Name the pages that no fixture should have: answers that broke off, follow-ups that were impossible."""
    marks = (f"\n{BROKEN_OFF}\n\n".encode(), IMPOSSIBLE.partition("{")[0].encode())
    return tuple(page for page, data in pages.items() if any(mark in data for mark in marks))


@define
class _Recording:
    """What was said so far, as it is written down.

    Attributes:
        pages: by their names.
    """

    _player: str
    _scene: Scene
    pages: dict[str, bytes] = Factory(dict)
    _asks: list[Ask] = Factory(list)
    _answers: list[Response] = Factory(list)
    _normaliser: Normaliser = Factory(Normaliser)
    _runs: bool = False

    def page(self, kind: str, format: str = "json") -> str:
        """Name a page of the exchange that comes next."""
        return f"{kind}.{len(self._answers) + 1}.{format}"

    async def play(self, step: Step) -> None:
        """Play one exchange.

        Raises:
            Unanswerable: when the client cannot take this step from where it is.
        """
        ask = self._ask(step)
        response = await self._scene.play(ask, self._player)
        request = self._normaliser.apply("request", ask.render().decode())
        self.pages[self.page("request")] = request.encode()
        self._write_asked(response, left=ask.leaves_after is not None)
        self.pages[self.page("response", "http")] = _render(response, self._normaliser)
        self._asks.append(ask)
        self._answers.append(response)

    def _ask(self, step: Step) -> Ask:
        if isinstance(step, Ask):
            return resolved(step, self._answers)
        return following(self._asks[-1], self._answers[-1], step)

    def _write_asked(self, response: Response, left: bool) -> None:
        """Write down what the model was asked meanwhile.

        While an answer goes on without its client it is a matter of chance whether the model was asked yet:
        that is written down with the answer's end.
        """
        stands = "running" if left else standing(response)
        self._runs = self._runs if stands is None else stands == "running"
        bodies = [] if self._runs else asked(self._scene.asked())
        if bodies:
            page = self._normaliser.apply("provider", layout.page(bodies).decode())
            self.pages[self.page("provider")] = page.encode()


def _render(response: Response, normaliser: Normaliser) -> bytes:
    lines = response.head if response.whole else (*response.head, BROKEN_OFF)
    head = normaliser.apply("head", "\n".join(lines))
    # Whatever bytes came must be seen, also those that are no UTF-8.
    body = normaliser.apply("body", response.body.decode("utf-8", "surrogateescape"))
    return f"{head}\n\n{body}".encode("utf-8", "surrogateescape")
