"""What every answer needs, put together once."""

import secrets
from collections.abc import Callable
from functools import cache

from attrs import Factory, frozen
from twisted.internet.interfaces import IReactorTime

from codexd.fronts import compatibility
from codexd.fronts.dialect import RequestOptions, ResponseIdentity
from codexd.http.doorman import Doorman
from codexd.http.moment import Moment
from codexd.interfaces import IEmbedder, IModelBackend, IResponseStore
from codexd.observe.request_log import RequestLogger
from codexd.policy.flow import FlowLimits
from codexd.settings import Http, Responses
from codexd.tools import output_mode
from codexd.tools.output_mode import OutputModes


@frozen
class House:
    """What every answer needs.

    Attributes:
        backend: who answers.
        embedder: who gives embeddings.
        store: where answers and conversations are kept.
        doorman: lets answers in, and out.
        journal: told of clients that left and of readers that were cut.
        clock: for timers and durations.
        settings: of the front.
        responses: what is kept, and how.
        now: Unix time in seconds.
        output_modes: who is shown tool calls as text.
        recovered: what the last end of the daemon cut is marked as such in the store.
    """

    backend: IModelBackend
    embedder: IEmbedder
    store: IResponseStore
    doorman: Doorman
    journal: RequestLogger
    clock: IReactorTime
    settings: Http
    responses: Responses
    now: Callable[[], float]
    output_modes: OutputModes = Factory(OutputModes)
    recovered: Moment = Factory(Moment)

    @property
    def limits(self) -> FlowLimits:
        """Give what a slow reader is granted."""
        http = self.settings
        return FlowLimits(http.max_queue_bytes, http.hold_seconds, http.stall_seconds)

    def token(self) -> str:
        """Make what tells a new answer or conversation from all others, and cannot be guessed."""
        return secrets.token_hex(12)

    def stamp(self, model: str) -> ResponseIdentity:
        """Make the stamp of a new answer; its clock stands still once it was asked."""
        return ResponseIdentity(self.token(), int(self.now()), model, cache(self.now))

    def terms(self, principal: str, header: Callable[[str], str | None]) -> RequestOptions:
        """Give the terms on which somebody's request is read.

        Args:
            principal: whose request it is.
            header: gives a header of it.

        Raises:
            FaultError: `wrong_value` for a mode that there is not.
        """
        calls = self.output_modes.choose([header(name) for name in output_mode.HEADERS], principal)
        return RequestOptions(
            principal,
            modes=compatibility.choose_modes(header(compatibility.HEADER), frozenset(self.responses.compatibility)),
            drop_hosted=self.responses.hosted_tools == "drop",
            show_reasoning=self.settings.reasoning_content,
            calls_as_text=calls == "obsidian-xml",
        )

    async def memory(self) -> IResponseStore:
        """Give the store to read from, once nothing in it looks as if it still ran that does not."""
        await self.recovered.wait()
        return self.store
