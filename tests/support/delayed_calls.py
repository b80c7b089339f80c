"""The control of a fake whose calls can be delayed."""

from collections.abc import Callable


class DelayedCalls:
    """Runs calls at once in order, or when the test lets it."""

    def __init__(self) -> None:
        self._delays = False
        self._waiting: list[Callable[[], object]] = []

    def delay_calls(self) -> None:
        """Delay calls from now on; they take effect in `run_delayed_calls`."""
        self._delays = True

    def run_delayed_calls(self) -> None:
        """Run the delayed calls in order, and later calls at once."""
        self._delays = False
        while self._waiting and not self._delays:
            self._waiting.pop(0)()

    @property
    def waiting(self) -> int:
        """The number of delayed calls."""
        return len(self._waiting)

    def _run_or_delay(self, call: Callable[[], object]) -> None:
        self._waiting.append(call)
        if not self._delays:
            self.run_delayed_calls()
