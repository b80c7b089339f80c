"""Runs the cases of a test method, each with its own set-up."""

from collections.abc import Iterator
from typing import TypeVar

from twisted.trial.unittest import SynchronousTestCase

T = TypeVar("T")


def each_set_up(test: SynchronousTestCase, *cases: T) -> Iterator[T]:
    """Yield the cases and set the test up anew between them; trial did so before the first one."""
    for index, case in enumerate(cases):
        if index:
            test.setUp()
        yield case
