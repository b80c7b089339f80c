"""Dependencies shared by the request handlers."""

from collections.abc import Callable, Mapping

from attrs import Factory, frozen
from twisted.python.failure import Failure

from codexd.administration.maintenance import MaintenanceSwitch
from codexd.answers.dependencies import AnswerDependencies
from codexd.answers.one_shot_event import OneShotEvent
from codexd.fronts import compatibility, responses
from codexd.fronts.dialect import RequestOptions
from codexd.http.body import BodyReader
from codexd.http.key_access import KeyAccess
from codexd.http.request import Request
from codexd.interfaces import IEmbedder, IForwarder, IResponseStore
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.login_state import LoginState
from codexd.settings import Http, Responses
from codexd.tools import output_mode
from codexd.tools.output_mode import OutputModes


@frozen(kw_only=True)
class Dependencies:
    """What the handlers need.

    Attributes:
        answers: what every answer needs.
        embedder: creates embeddings.
        forwarder: forwards requests to upstreams.
        bodies: reads request bodies.
        http: settings of the server.
        responses: settings of stored responses.
        maintenance: refuses requests for work.
        output_modes: which callers are shown tool calls as text.
        keys: applies the policies of API keys.
        accounts: returns the accounts of the Codex back ends, by the names of the back ends.
        recovered: fires when the responses that the last stop of the daemon interrupted are marked in the store.
    """

    answers: AnswerDependencies
    embedder: IEmbedder
    forwarder: IForwarder
    bodies: BodyReader
    http: Http
    responses: Responses
    maintenance: MaintenanceSwitch
    output_modes: OutputModes
    keys: KeyAccess
    accounts: Callable[[], Mapping[str, LoginState]] = dict
    recovered: OneShotEvent = Factory(OneShotEvent)

    def options(self, request: Request) -> RequestOptions:
        """Return the options a request is decoded with.

        Raises:
            FaultError: `wrong_value` for an unknown mode.
        """
        principal, policy, header = request.context.principal, request.context.policy, request.header_text
        calls = self.output_modes.choose([header(name) for name in output_mode.HEADERS], principal, policy.output_mode)
        return RequestOptions(
            principal=principal,
            modes=compatibility.choose_modes(header(compatibility.HEADER), frozenset(self.responses.compatibility)),
            drop_hosted=self.responses.hosted_tools == "drop",
            show_reasoning=self.http.reasoning_content,
            calls_as_text=calls == "obsidian-xml",
            limits=self.bodies.limits,
        )

    def check_accepting(self) -> None:
        """Refuse a request for work while the daemon stops, and during maintenance.

        Raises:
            FaultError: `shutting_down`, `maintenance`.
        """
        if self.answers.active.draining:
            raise FaultError(fault("shutting_down"))
        self.maintenance.check()

    async def store(self, request: Request) -> IResponseStore:
        """Return the store for a request, once no interrupted response in it looks as if it were running."""
        await self.recovered.wait()
        return self.answers.store.for_request(request.context.id)

    async def recover(self) -> None:
        """Mark the responses that the last stop of the daemon interrupted."""
        await self._mark_unfinished("interrupted")
        self.recovered.fire()

    async def recover_unsaved(self) -> None:
        """Mark the responses whose end could not be stored, once the store works again."""
        await self._mark_unfinished("store_failed")

    async def _mark_unfinished(self, kind: str) -> None:
        store, active = self.answers.store, self.answers.active
        try:
            unfinished = await store.load_unfinished()
            # Chosen before anything else is awaited: a response that ends meanwhile is saved by its answer.
            cut_off = [response for response in unfinished if active.find(response.owner, response.id) is None]
            for response in cut_off:
                await store.save_response(responses.mark_interrupted(response, kind))
        except Exception:
            self.answers.request_log.log_save_failure(Failure())
