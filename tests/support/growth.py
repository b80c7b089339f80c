"""Checks that work is linear in its input, by counted steps and CPU time: the load of the machine does not matter."""

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

_FACTOR = 4
_TRACED = 8
"""Lines are counted for a smaller input, as tracing is slow."""


def count_lines(work: Callable[[], object]) -> int:
    """Return how many lines of Python code some work executes: the same number each time."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


_ATTEMPTS = 3
"""The CPU time also depends on what else the machine does: the work is linear if it looks so once."""


def _cpu_seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of several runs, which is the one that was disturbed least."""
    spent = []
    for _ in range(3):
        start = time.thread_time()
        work()
        spent.append(time.thread_time() - start)
    return min(spent)


def assert_linear(
    test: SynchronousTestCase, build: Callable[[int], Callable[[], object]], size: int, name: str = ""
) -> None:
    """Check that four times the input takes about four times the steps.

    The lines of Python are counted exactly. Work inside of one call of C code, such as copying, shows in the CPU time
    only; there the limit is twice as high, and still half of what quadratic work takes.

    Args:
        test: the test that fails otherwise.
        build: returns the work for an input of a size.
        size: of the smaller input; its work should take some milliseconds.
        name: of the input, for the message.
    """
    lines = count_lines(build(size // _TRACED)), count_lines(build(_FACTOR * size // _TRACED))
    test.assertLess(lines[1], lines[0] * _FACTOR * 1.2 + 1000, f"{name}: lines {lines}")
    for _ in range(_ATTEMPTS):
        seconds = _cpu_seconds(build(size)), _cpu_seconds(build(_FACTOR * size))
        if seconds[1] < seconds[0] * _FACTOR * 2 + 0.005:
            return
    test.fail(f"{name}: CPU seconds {seconds}")
