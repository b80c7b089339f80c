"""The whole front, put together for whoever listens with it."""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from codexd.http.app import Routes
from codexd.http.archive import Archive
from codexd.http.conversations import Conversations
from codexd.http.desk import Desk
from codexd.http.doorman import Doorman
from codexd.http.doors import DOORS
from codexd.http.gate import Gate
from codexd.http.guard import Guard
from codexd.http.house import House
from codexd.http.probes import Probes
from codexd.http.site import Site
from codexd.http.works import Works, recover
from codexd.interfaces import IEmbedder, IModelBackend, IResponseStore
from codexd.observe.request_log import RequestLogger
from codexd.policy.auth import KeyRing
from codexd.policy.cors import CorsPolicy
from codexd.settings import Http, Settings
from codexd.tools.output_mode import OutputModes


@frozen
class Front:
    """What the service needs of the front.

    Attributes:
        site: to listen with.
        doorman: to be closed before the back end is, and the store after both.
    """

    site: Site
    doorman: Doorman

    @classmethod
    def built(
        cls,
        backend: IModelBackend,
        embedder: IEmbedder,
        store: IResponseStore,
        settings: Settings,
        journal: RequestLogger,
        clock: IReactorTime,
        now: Callable[[], float],
    ) -> "Front":
        """Put the front together.

        Args:
            backend: who answers.
            embedder: who gives embeddings.
            store: where answers are kept, open; what the last end of the daemon cut is marked in it.
            settings: all of them; `http.api_keys` holds all keys.
            journal: where requests are written down.
            clock: for timers and durations.
            now: Unix time in seconds.
        """
        http, tools = settings.http, settings.tools
        doorman = Doorman(clock, settings.codex.drain_seconds, journal.metrics)
        modes = OutputModes.from_settings(tools.output_mode, tools.key_output_modes)
        kept = settings.responses
        house = House(backend, embedder, store, doorman, journal, clock, http, kept, now, modes)
        Deferred.fromCoroutine(recover(house))
        return cls(_site(house, http), doorman)


def _site(house: House, http: Http) -> Site:
    cors = CorsPolicy.from_origins(http.cors_origins)
    guard = Guard(KeyRing(http.api_keys), cors, http.max_body_bytes)
    works = Works(house)
    routes = Routes(
        Desk(guard, house, works),
        Archive(guard, house, works),
        Conversations(guard, house),
        DOORS,
        Probes(house.backend, house.doorman),
    )
    gate = Gate(routes.app.resource(), cors)
    return Site(gate, guard, house.journal, house.clock, http.idle_seconds)
