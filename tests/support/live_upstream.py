"""Live tests of upstreams: one daemon with Codex and five of them for all, and what they see of it."""

import atexit
from functools import cache
from typing import Any

from attrs import frozen

from codexd.wire.json import Json
from tests.support.live import Daemon, LiveTestCase, Setup, user
from tests.support.loopback import free_port
from tests.support.odd_upstream import OddUpstream
from tests.support.provider import Provider
from tests.support.system import until

NEAR, BARE, ODD = "near/scripted", "bare/scripted", "odd/"
"""The scripted model's Chat door; the same, told that it knows no tools; an odd one, by whatever name."""

_SETTINGS = """\
[codex]
model = "scripted"

[[upstream]]
name = "near"
base_url = "{scripted}"
prefix = "near/"
pass_unknown = true
retries = 0

[[upstream]]
name = "bare"
base_url = "{scripted}"
prefix = "bare/"
tools = false
omit = ["seed"]

[[upstream]]
name = "odd"
base_url = "{odd}"
prefix = "odd/"
any = true
retries = 2
retry_first_seconds = 0.01
retry_cap_seconds = 1
breaker_failures = 1000
first_event_seconds = 5
idle_seconds = 0.4

[[upstream]]
name = "frail"
base_url = "{odd}"
prefix = "frail/"
any = true
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
fallback = ["odd/status-503", "odd/status-429", "odd/status-401", "near/scripted", "scripted"]

[[models.alias]]
name = "homeward"
upstream = "gone"
model = "lost"
fallback = ["scripted"]
"""


@frozen
class Servers:
    """What stands behind the daemon.

    Attributes:
        scripted: the scripted model, in a process of its own.
        odd: the one that misbehaves.
        kind: how the daemon before them is run.
    """

    scripted: Provider
    odd: OddUpstream
    kind: Setup


@cache
def servers() -> Servers:
    """Give the servers of this process, which end with it."""
    scripted, odd = Provider(), OddUpstream()
    atexit.register(scripted.stop)
    atexit.register(odd.stop)
    settings = _SETTINGS
    for name, value in (("scripted", scripted.url), ("odd", odd.url), ("closed", str(free_port()))):
        settings = settings.replace("{" + name + "}", value)
    return Servers(scripted, odd, Setup(settings))


class UpstreamTestCase(LiveTestCase):
    """Tests with the one daemon."""

    @property
    def kind(self) -> Setup:  # type: ignore[override]
        """How the daemon is run."""
        return servers().kind

    @property
    def daemon(self) -> Daemon:
        """The shared daemon; with upstreams it is ready before Codex is."""
        daemon = super().daemon
        until(lambda: daemon.metric("codexd_children_up") == 1, "Codex is up")
        return daemon

    @property
    def asked(self) -> Json:
        """What the scripted model was asked last."""
        return servers().scripted.asked(1)[0]

    def ask(self, said: str | list[Json], model: str = NEAR, **more: Any) -> Any:
        """Ask a chat question by the real package."""
        messages = user(said) if isinstance(said, str) else said
        return self.daemon.client().chat.completions.create(model=model, messages=messages, **more)

    def respond(self, said: Any, model: str = NEAR, **more: Any) -> Any:
        """Ask for a response by the real package."""
        return self.daemon.client().responses.create(model=model, input=said, **more)

    def ended(self, upstream: str, outcome: str) -> float:
        """Give how many answers of an upstream ended so."""
        label = f'{{outcome="{outcome}",upstream="{upstream}"}}'
        return self.daemon.metric(f"codexd_upstream_requests_total{label}")
