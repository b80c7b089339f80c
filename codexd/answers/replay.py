"""A replay: one client that reads the recording of an answer it is not attached to."""

import sys

from attrs import evolve
from twisted.python.failure import Failure

from codexd.answers.dependencies import AnswerDependencies
from codexd.answers.recording import Recording
from codexd.answers.stream_delivery import StreamDelivery
from codexd.context import RequestContext
from codexd.interfaces import IStreamWriter
from codexd.policy.byte_budget import BudgetAccount


class Replay:
    """Sends a background answer's stream; its pace does not affect the model or the other readers.

    Args:
        dependencies: shared by all answers.
        context: of the request for the stream.
        writer: to the client.
        recording: of a running or of a stored answer.
        position: number of the first event to send.
        ignored: the original request's fields without effect (DeliveryOwner).
    """

    def __init__(
        self,
        dependencies: AnswerDependencies,
        context: RequestContext,
        writer: IStreamWriter,
        recording: Recording,
        position: int,
        ignored: tuple[str, ...] = (),
    ) -> None:
        self._dependencies = dependencies
        self._context = context
        self._recording = recording
        self.ignored = ignored
        limits = evolve(dependencies.flow_limits, max_buffer_bytes=sys.maxsize)  # nothing is paused for a replay
        self._delivery = StreamDelivery(
            recording=recording,
            position=position,
            writer=writer,
            owner=self,
            clock=dependencies.clock,
            limits=limits,
            account=BudgetAccount(dependencies.unsent, context.principal),
            keepalive_seconds=dependencies.keepalive_seconds,
        )

    def start(self) -> None:
        """Send the head, then what there is.

        Raises:
            FaultError: `shutting_down`.
        """
        self._dependencies.active.add(self)
        self._delivery.start()
        self._delivery.open()
        self._delivery.advance()

    def pause(self) -> None:
        """Do nothing: a replay does not pause the model (DeliveryOwner)."""

    def resume(self) -> None:
        """Do nothing (DeliveryOwner)."""

    def keep_alive(self) -> None:
        """Send a keep-alive (DeliveryOwner)."""
        self._delivery.keep_alive()

    def disconnect(self, outcome: str) -> None:
        """Disconnect the client (DeliveryOwner)."""
        if outcome == "slow_client":
            self._dependencies.request_log.metrics.count("slow_client")
        self._context.record.outcome = outcome
        self._delivery.abort()
        self._dependencies.active.remove(self)

    def on_defect(self) -> None:
        """Disconnect the client, for an exception that is being handled (DeliveryOwner)."""
        self._dependencies.request_log.log_internal_error(self._context.record, Failure())
        self.disconnect("internal")

    def delivered(self) -> None:
        """End the replay: the client's transport has accepted everything (DeliveryOwner)."""
        self._dependencies.active.remove(self)

    def client_disconnected(self) -> None:
        """Act on the loss of the client's connection."""
        self._delivery.stop()
        self._dependencies.active.remove(self)

    def shut_down(self) -> None:
        """End with the recording, without waiting for a slow client (Drainable)."""
        self._delivery.forbid_waiting()

    def abandon(self) -> None:
        """Disconnect the client: the end of the recording was not stored in time (Drainable)."""
        self.disconnect("shutting_down")
