"""A source of the status of back ends that returns what a test sets."""

from zope.interface import implementer

from codexd.interfaces import IStatus
from codexd.policy.status import BackendStatus, WorkerStatus


@implementer(IStatus)
class FakeStatus:
    """Shows one worker and one back end, unless a test sets others.

    Attributes:
        shown_workers: what `workers` returns.
        shown_backends: what `backends` returns.
    """

    def __init__(self) -> None:
        self.shown_workers: tuple[WorkerStatus, ...] = (
            WorkerStatus(
                name="plain-0",
                state="Up",
                pid=4711,
                up_seconds=3700.0,
                running_turns=1,
                turns=12,
                resident_bytes=64 * 2**20,
                last_exit="",
            ),
        )
        self.shown_backends: tuple[BackendStatus, ...] = (
            BackendStatus(name="codex", is_ready=True, models=2, running=1, queued=3, circuit_is_open=False),
        )

    def workers(self) -> tuple[WorkerStatus, ...]:
        """Return the workers (IStatus)."""
        return self.shown_workers

    def backends(self) -> tuple[BackendStatus, ...]:
        """Return the back ends (IStatus)."""
        return self.shown_backends
