"""Which numbers a setting takes, said with its type."""

from math import inf
from typing import Annotated

from attrs import frozen


@frozen
class Range:
    """Which numbers a setting takes: finite ones above, from and up to these.

    Attributes:
        above: the number must be greater than this.
        least: the smallest number taken.
        most: the greatest number taken.
    """

    above: float = -inf
    least: float = -inf
    most: float = inf

    def holds(self, number: float) -> bool:
        """Tell whether the number is in range; infinity and not-a-number never are."""
        return self.above < number < inf and self.least <= number <= self.most

    def __str__(self) -> str:
        """Say it in words, to follow "must be"."""
        limits = (("above", self.above), ("at least", self.least), ("at most", self.most))
        return " and ".join(f"{word} {number:g}" for word, number in limits if abs(number) != inf)


Seconds = Annotated[float, Range(above=0)]
Bytes = Annotated[int, Range(least=1)]
Count = Annotated[int, Range(least=1)]
Limit = Annotated[int, Range(least=0)]
Share = Annotated[float, Range(above=0, most=1)]
