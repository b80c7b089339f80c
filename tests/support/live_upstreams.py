"""Base class of live tests of upstreams: a daemon with Codex and five upstreams."""

import atexit
from functools import cache
from typing import Any

from attrs import frozen

from codexd.wire.json import Json
from tests.support.faulty_upstream import FaultyUpstream
from tests.support.http_client import free_port
from tests.support.live_daemon import Daemon, DaemonSetup, LiveTestCase, user
from tests.support.processes import wait_until
from tests.support.provider_process import ProviderProcess

NEAR, BARE, FAULTY = "near/scripted", "bare/scripted", "faulty/"
"""A model of the scripted upstream, the same without tools, and the faulty upstream's prefix."""

_SETTINGS = """\
[codex]
model = "scripted"

[[upstream]]
name = "near"
base_url = "{scripted}"
prefix = "near/"
pass_unknown_fields = true
retries = 0

[[upstream]]
name = "bare"
base_url = "{scripted}"
prefix = "bare/"
tools = false
omit_fields = ["seed"]

[[upstream]]
name = "faulty"
base_url = "{faulty}"
prefix = "faulty/"
pass_unlisted = true
retries = 2
retry_initial_seconds = 0.01
retry_max_seconds = 1
breaker_failures = 1000
first_event_seconds = 5
idle_seconds = 0.4

[[upstream]]
name = "frail"
base_url = "{faulty}"
prefix = "frail/"
pass_unlisted = true
retries = 0
breaker_failures = 2
breaker_seconds = 1.5

[[upstream]]
name = "gone"
base_url = "http://127.0.0.1:{closed}/v1"
prefix = "gone/"
models = ["lost"]
retries = 0
breaker_failures = 1000

[[models.alias]]
name = "brief"
upstream = "near"
model = "scripted"
effort = "low"
instructions = "Be brief."
max_output_tokens = 3

[[models.alias]]
name = "safe"
upstream = "gone"
model = "lost"
fallback = ["faulty/status-503", "faulty/status-429", "faulty/status-401", "near/scripted", "scripted"]

[[models.alias]]
name = "homeward"
upstream = "gone"
model = "lost"
fallback = ["scripted"]
"""


@frozen
class Servers:
    """The upstream servers of the daemon.

    Attributes:
        scripted: the scripted model, in its own process.
        odd: the faulty upstream.
        setup: the configuration of the daemon.
    """

    scripted: ProviderProcess
    faulty: FaultyUpstream
    setup: DaemonSetup


@cache
def servers() -> Servers:
    """Return the servers of this test process; they stop at its exit."""
    scripted, faulty = ProviderProcess(), FaultyUpstream()
    atexit.register(scripted.stop)
    atexit.register(faulty.stop)
    settings = _SETTINGS
    for name, value in (("scripted", scripted.url), ("faulty", faulty.url), ("closed", str(free_port()))):
        settings = settings.replace("{" + name + "}", value)
    return Servers(scripted, faulty, DaemonSetup(settings=settings))


class UpstreamTestCase(LiveTestCase):
    """Tests that share the daemon and its upstreams."""

    @property
    def daemon_setup(self) -> DaemonSetup:  # type: ignore[override]
        """The configuration of the daemon."""
        return servers().setup

    @property
    def daemon(self) -> Daemon:
        """The shared daemon, after Codex is up: with upstreams it is ready before."""
        daemon = super().daemon
        wait_until(lambda: daemon.metric("codexd_children_up") == 1, "Codex is up")
        return daemon

    @property
    def upstream_request(self) -> Json:
        """The body of the scripted upstream's last request."""
        return servers().scripted.asked(1)[0]

    def ask(self, said: str | list[Json], model: str = NEAR, **more: Any) -> Any:
        """Send a Chat request by the `openai` package."""
        messages = user(said) if isinstance(said, str) else said
        return self.daemon.client().chat.completions.create(model=model, messages=messages, **more)

    def respond(self, said: Any, model: str = NEAR, **more: Any) -> Any:
        """Create a response by the `openai` package."""
        return self.daemon.client().responses.create(model=model, input=said, **more)

    def outcome_count(self, upstream: str, outcome: str) -> float:
        """Return how many requests of an upstream had this outcome."""
        label = f'{{outcome="{outcome}",upstream="{upstream}"}}'
        return self.daemon.metric(f"codexd_upstream_requests_total{label}")
