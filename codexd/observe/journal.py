"""What happened to requests: the log line and the figures of each, once, and what went wrong in us."""

from attrs import frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.neutral.fault import Fault, Refused, fault
from codexd.observe.log import RequestLog, whereabouts
from codexd.observe.metrics import Metrics
from codexd.observe.record import Record


@frozen
class Journal:
    """Takes note of requests.

    Attributes:
        metrics: the figures.
        requests: the log lines.
    """

    _log = Logger()

    metrics: Metrics
    requests: RequestLog

    def close(self, record: Record) -> None:
        """Write down a request that is over."""
        self.metrics.request(record)
        self.requests.write(record)

    def finished(self, record: Record) -> None:
        """Write down an answer in the background that is over; its method is `background`."""
        self.metrics.background(record)
        self.requests.write(record)

    def malformed(self) -> None:
        """Count what was no HTTP request at all."""
        self.metrics.count("malformed_request")

    def not_kept(self, failure: Failure) -> Fault:
        """Give what to tell whoever an answer is for that was not kept; what the store failed in, it says."""
        if isinstance(failure.value, Refused):
            return failure.value.fault
        self.metrics.count("internal_error")
        self._log.error("keeping an answer broke: {where}", where=whereabouts(failure))
        return fault("internal")

    def broke(self, record: Record, failure: Failure) -> None:
        """Write down an exception of our own while a request was answered: where, and nothing it quotes."""
        self.metrics.count("internal_error")
        self._log.error("request {id} broke: {where}", id=record.id, where=whereabouts(failure))
