"""CPU time of processes while something is asked of them."""

from collections.abc import Callable

from attrs import frozen

from bench.load import Door, ask_many
from bench.processes import cpu_seconds, resident_bytes
from codexd.wire.json import Json

SHORT = "say: hi"


@frozen
class Meter:
    """A server on a port, and the processes whose time is taken.

    Attributes:
        port: where it is asked.
        pids: whose time is taken, each for itself.
        model: what it is asked for.
    """

    port: int
    pids: tuple[int, ...]
    model: str

    def requests(self, door: Door, count: int, at_once: int = 4, **more: Json) -> tuple[float, ...]:
        """Give the seconds that a short request takes of each process."""
        request = door.request(self.model, SHORT, **more)
        return self.work(lambda: ask_many(self.port, door, request, count, at_once), count)

    def pieces(
        self, door: Door, text: str, answers: int, at_once: int = 1, **more: Json
    ) -> tuple[float, ...]:
        """Give the seconds of one piece, within answers so long that little else counts."""
        request, pieces = door.request(self.model, text, **more), 0

        def work() -> None:
            nonlocal pieces
            pieces = ask_many(self.port, door, request, answers, at_once)

        return tuple(seconds / pieces for seconds in self.work(work))

    def work(self, work: Callable[[], object], count: int = 1) -> tuple[float, ...]:
        """Give the seconds that a piece of work takes of each process, by its count."""
        before = [cpu_seconds(pid) for pid in self.pids]
        work()
        after = [cpu_seconds(pid) for pid in self.pids]
        return tuple((end - start) / count for start, end in zip(before, after, strict=True))

    def resident_bytes(self) -> tuple[int, ...]:
        """Give the memory of each process."""
        return tuple(resident_bytes(pid) for pid in self.pids)
