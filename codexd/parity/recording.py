"""One scenario played once: the pages of its transcript."""

from collections.abc import Sequence
from typing import Final, Protocol

from codexd.parity import layout
from codexd.parity.client import Response
from codexd.parity.continuing import Unanswerable, following
from codexd.parity.fixtures import Pages
from codexd.parity.normalise import Normaliser, asked
from codexd.parity.scenario import Ask, Scenario
from codexd.wire.json import Json

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
    pages: dict[str, bytes] = {}
    normaliser = Normaliser()
    scene.asked()
    ask = scenario.first
    for number, follow in enumerate((*scenario.then, None), start=1):
        response = await scene.play(ask, scenario.name)
        pages |= _exchange(number, ask, scene, response, normaliser)
        if follow is None:
            break
        try:
            ask = following(ask, response, follow)
        except Unanswerable as why:
            pages[f"exchange.{number + 1}.request.json"] = IMPOSSIBLE.format(why).encode() + b"\n"
            break
    return pages


def flaws(pages: Pages) -> tuple[str, ...]:
    """Name the pages that no fixture should have: answers that broke off, follow-ups that were impossible."""
    marks = (f"\n{BROKEN_OFF}\n\n".encode(), IMPOSSIBLE.partition("{")[0].encode())
    return tuple(page for page, data in pages.items() if any(mark in data for mark in marks))


def _exchange(
    number: int, ask: Ask, scene: Scene, response: Response, normaliser: Normaliser
) -> dict[str, bytes]:
    pages = {f"exchange.{number}.request.json": normaliser.apply("request", ask.render().decode()).encode()}
    bodies = [asked(body) for body in scene.asked()]
    if bodies:
        asked_page = layout.page(bodies).decode()
        pages[f"provider.{number}.json"] = normaliser.apply("provider", asked_page).encode()
    pages[f"exchange.{number}.response.http"] = _render(response, normaliser)
    return pages


def _render(response: Response, normaliser: Normaliser) -> bytes:
    lines = response.head if response.whole else (*response.head, BROKEN_OFF)
    head = normaliser.apply("head", "\n".join(lines))
    # Whatever bytes came must be seen, also those that are no UTF-8.
    body = normaliser.apply("body", response.body.decode("utf-8", "surrogateescape"))
    return f"{head}\n\n{body}".encode("utf-8", "surrogateescape")
