"""The whole front, put together for whoever listens with it."""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from codexd.http.app import Routes
from codexd.http.desk import Desk
from codexd.http.doorman import Doorman
from codexd.http.doors import DOORS
from codexd.http.gate import Gate
from codexd.http.guard import Guard
from codexd.http.house import House
from codexd.http.probes import Probes
from codexd.http.site import Site
from codexd.interfaces import IModelBackend
from codexd.observe.journal import Journal
from codexd.policy.auth import KeyRing
from codexd.policy.cors import Cors
from codexd.settings import Http


@frozen
class Front:
    """What the service needs of the front.

    Attributes:
        site: to listen with.
        doorman: to be closed before the back end is.
    """

    site: Site
    doorman: Doorman

    @classmethod
    def built(
        cls,
        backend: IModelBackend,
        settings: Http,
        journal: Journal,
        clock: IReactorTime,
        now: Callable[[], float],
        drain_seconds: float,
    ) -> "Front":
        """Put the front together.

        Args:
            backend: who answers.
            settings: of the front; `api_keys` holds all keys.
            journal: where requests are written down.
            clock: for timers and durations.
            now: Unix time in seconds.
            drain_seconds: how long answers may take to finish once the doorman closes.
        """
        doorman = Doorman(clock, drain_seconds, journal.metrics)
        cors = Cors.allowing(settings.cors_origins)
        guard = Guard(KeyRing(settings.api_keys), cors, settings.max_body_bytes)
        desk = Desk(guard, House(backend, doorman, journal, clock, settings, now))
        routes = Routes(desk, DOORS, Probes(backend, doorman))
        gate = Gate(routes.app.resource(), cors)
        return cls(Site(gate, guard, journal, clock, settings.idle_seconds), doorman)
