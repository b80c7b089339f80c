"""A supervisor on a fake reactor that records its notifications."""

from attrs import define, field
from twisted.internet.defer import Deferred

from codexd.child.process import ChildProcess, ProcessCommand, launch
from codexd.child.supervisor import Supervisor
from codexd.policy.restart import RestartPolicy, Supervision
from tests.support.fake_process import FakeProcess, ProcessReactor

COMMAND = ProcessCommand("/opt/codex", ("app-server",))
SUPERVISION = Supervision(
    handshake_seconds=10,
    grace_seconds=5,
    restart=RestartPolicy(jitter=0, limit=5, window_seconds=600),
)


@define(slots=False, kw_only=True)
class SupervisorHarness:
    """A supervisor under test; tests may replace `spawn`, `begin_handshake`, `on_up` and `on_lost`.

    Attributes:
        reactor: its clock and its processes.
        notifications: ("up", pid, result) and ("lost", reason), in order.
        handshakes: the handshakes begun, oldest first; the test completes them.
        cancelled: the cancelled handshakes.
        chance: the random number that is drawn, between 0 and 1.
    """

    supervision: Supervision = SUPERVISION
    reactor: ProcessReactor = field(factory=ProcessReactor)
    notifications: list[tuple[object, ...]] = field(factory=list)
    handshakes: list["Deferred[object]"] = field(factory=list)
    cancelled: list["Deferred[object]"] = field(factory=list)
    chance: float = 0.0
    supervisor: Supervisor = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.supervisor = Supervisor(
            spawn=lambda child: self.spawn(child),
            handshake=lambda child: self.begin_handshake(child),
            clock=self.reactor,
            supervision=self.supervision,
            random=lambda: self.chance,
            on_up=lambda child, result: self.on_up(child, result),
            on_lost=lambda reason: self.on_lost(reason),
        )

    def spawn(self, child: ChildProcess) -> None:
        launch(self.reactor, COMMAND, child)

    def begin_handshake(self, child: ChildProcess) -> "Deferred[object]":
        self.handshakes.append(Deferred(self.cancelled.append))
        return self.handshakes[-1]

    def on_up(self, child: ChildProcess, result: object) -> None:
        self.notifications.append(("up", child.pid, result))

    def on_lost(self, reason: str) -> None:
        self.notifications.append(("lost", reason))

    @property
    def process(self) -> FakeProcess:
        """The newest child."""
        return self.reactor.processes[-1]

    def bring_up(self) -> FakeProcess:
        """Start, complete the handshake, and clear the notifications."""
        self.supervisor.startService()
        self.handshakes[-1].callback("hello")
        assert self.supervisor.up
        self.notifications.clear()
        return self.process
