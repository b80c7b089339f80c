"""Divides a limit among owners, so that what one of them stores never displaces what another one stores."""

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
