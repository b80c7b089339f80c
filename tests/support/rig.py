"""A supervisor in a fake reactor, with everything it tells written down."""

from attrs import define, field
from twisted.internet.defer import Deferred

from codexd.child.process import ChildProcess, Command, launch
from codexd.child.supervisor import Supervisor
from codexd.policy.restart import RestartPolicy, Supervision
from tests.support.process import FakeProcess, ProcessReactor

COMMAND = Command("/opt/codex", ("app-server",))
SUPERVISION = Supervision(
    handshake_seconds=10,
    grace_seconds=5,
    restart=RestartPolicy(jitter=0, limit=5, window_seconds=600),
)


@define(slots=False)
class Rig:
    """One slot under test; a test may put another `spawn`, `shake_hands`, `on_up`, `on_lost` in.

    Attributes:
        reactor: its time and its processes.
        told: ("up", pid, result) and ("lost", reason), as they were told.
        handshakes: the handshakes that were begun, oldest first; the test ends them.
        cancelled: those that were cancelled.
        chance: what is drawn.
        supervisor: the thing itself.
    """

    supervision: Supervision = SUPERVISION
    reactor: ProcessReactor = field(factory=ProcessReactor)
    told: list[tuple[object, ...]] = field(factory=list)
    handshakes: list["Deferred[object]"] = field(factory=list)
    cancelled: list["Deferred[object]"] = field(factory=list)
    chance: float = 0.0
    supervisor: Supervisor = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.supervisor = Supervisor(
            spawn=lambda child: self.spawn(child),
            handshake=lambda child: self.shake_hands(child),
            clock=self.reactor,
            supervision=self.supervision,
            chance=lambda: self.chance,
            on_up=lambda child, result: self.on_up(child, result),
            on_lost=lambda reason: self.on_lost(reason),
        )

    def spawn(self, child: ChildProcess) -> None:
        launch(self.reactor, COMMAND, child)

    def shake_hands(self, child: ChildProcess) -> "Deferred[object]":
        self.handshakes.append(Deferred(self.cancelled.append))
        return self.handshakes[-1]

    def on_up(self, child: ChildProcess, result: object) -> None:
        self.told.append(("up", child.pid, result))

    def on_lost(self, reason: str) -> None:
        self.told.append(("lost", reason))

    @property
    def process(self) -> FakeProcess:
        """The youngest child."""
        return self.reactor.processes[-1]

    def bring_up(self) -> FakeProcess:
        """Start, let the handshake succeed, and forget what was told of it."""
        self.supervisor.startService()
        self.handshakes[-1].callback("hello")
        assert self.supervisor.up
        self.told.clear()
        return self.process
