"""Measure the CPU time of processes while they serve requests."""

from collections.abc import Callable

from attrs import frozen

from bench.load import Endpoint, request_many
from bench.processes import cpu_seconds, resident_bytes
from codexd.wire.json import Json

SHORT = "say: hi"


@frozen
class Meter:
    """A server and the processes to measure.

    Attributes:
        port: the server's port.
        pids: the processes, measured separately.
        model: the model to request.
    """

    port: int
    pids: tuple[int, ...]
    model: str

    def measure_requests(self, endpoint: Endpoint, count: int, clients: int = 4, **members: Json) -> tuple[float, ...]:
        """Return the CPU seconds of each process per short request."""
        request = endpoint.request(self.model, SHORT, **members)
        return self.measure(lambda: request_many(self.port, endpoint, request, count, clients), count)

    def measure_deltas(
        self, endpoint: Endpoint, text: str, answers: int, clients: int = 1, **members: Json
    ) -> tuple[float, ...]:
        """Return the CPU seconds of each process per text delta, measured with long answers."""
        request, deltas = endpoint.request(self.model, text, **members), 0

        def work() -> None:
            nonlocal deltas
            deltas = request_many(self.port, endpoint, request, answers, clients)

        return tuple(seconds / deltas for seconds in self.measure(work))

    def measure(self, work: Callable[[], object], count: int = 1) -> tuple[float, ...]:
        """Return the CPU seconds of each process for some work, divided by `count`."""
        before = [cpu_seconds(pid) for pid in self.pids]
        work()
        after = [cpu_seconds(pid) for pid in self.pids]
        return tuple((end - start) / count for start, end in zip(before, after, strict=True))

    def resident_bytes(self) -> tuple[int, ...]:
        """Return the resident memory of each process."""
        return tuple(resident_bytes(pid) for pid in self.pids)
