"""Ranges of numeric settings, as type annotations."""

from math import inf
from typing import Annotated

from attrs import frozen


@frozen
class Range:
    """The finite numbers that a setting accepts.

    Attributes:
        above: the number must be greater than this.
        minimum: the smallest number accepted.
        maximum: the greatest number accepted.
    """

    above: float = -inf
    minimum: float = -inf
    maximum: float = inf

    def contains(self, number: float) -> bool:
        """Return whether the number is in the range; infinity and not-a-number never are."""
        return self.above < number < inf and self.minimum <= number <= self.maximum

    def __str__(self) -> str:
        """Return the range in words that follow "must be"."""
        limits = (("above", self.above), ("at least", self.minimum), ("at most", self.maximum))
        return " and ".join(f"{word} {number:g}" for word, number in limits if abs(number) != inf)


Seconds = Annotated[float, Range(above=0)]
Duration = Annotated[float, Range(minimum=0)]
Bytes = Annotated[int, Range(minimum=1)]
Count = Annotated[int, Range(minimum=1)]
Limit = Annotated[int, Range(minimum=0)]
Share = Annotated[float, Range(above=0, maximum=1)]
