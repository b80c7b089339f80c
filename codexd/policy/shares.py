"""Fair shares of a limit: the limit divided by the number of owners that use some of it.

An owner alone may use everything. When the limit is reached, only an owner that exceeds his share loses something, so
that what one of them has never displaces what another one has.
"""

from collections.abc import Mapping


def fair_shares(used: Mapping[str, int], limit: int) -> dict[str, int]:
    """Return how much each owner may keep: together at most the limit.

    An owner who uses less than an equal share keeps all of it, and what he leaves is shared by the others
    (max-min fairness). While the sum is within the limit, everybody keeps everything.

    Args:
        used: what each owner uses.
        limit: the sum that may stay.
    """
    left, shares = max(0, limit), {}
    owners = sorted(used, key=lambda owner: (used[owner], owner))
    for position, owner in enumerate(owners):
        # Rounded up for the first ones, so that the whole limit is used.
        equal = -(-left // (len(owners) - position))
        shares[owner] = min(used[owner], equal)
        left -= shares[owner]
    return shares


def choose_owner_to_displace(counts: Mapping[str, int], oldest: Mapping[str, int]) -> str:
    """Return the owner that loses something: he has most, so he exceeds his share if anybody does.

    Args:
        counts: how much each owner has, at least 1; the one that adds something included.
        oldest: the number of each owner's oldest thing; of several owners that have most, the lowest loses.
    """
    return min(counts, key=lambda owner: (-counts[owner], oldest[owner]))


def may_displace(counts: Mapping[str, int], owner: str) -> bool:
    """Return whether an owner that has reached the common limit may take a place from another one.

    Args:
        counts: how much each owner has, this one's new thing not included.
        owner: who wants one more.
    """
    return max(counts.values(), default=0) > counts.get(owner, 0) + 1
