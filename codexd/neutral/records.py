"""Frozen records that cost no more than mutable ones.

A type checker refuses to assign to their fields; at run time nothing does, because a frozen attrs class takes three
times as long to construct, which every delta and every request would pay several times.
"""

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as frozen
else:
    from attrs import define

    frozen = partial(define, unsafe_hash=True)
