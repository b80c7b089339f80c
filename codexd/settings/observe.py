"""Settings of what the daemon remembers of its requests."""

from typing import Annotated

from attrs import frozen

from codexd.settings.ranges import Range


@frozen
class Observe:
    """What the daemon remembers of its requests, for `codexd trace` and the routes under /admin/requests.

    Attributes:
        recent_requests: how many of the last requests are remembered in memory, each with its timeline: structure
            and times, never content. 0 remembers none, and does not show the running ones either.
    """

    recent_requests: Annotated[int, Range(minimum=0, maximum=10_000)] = 200
