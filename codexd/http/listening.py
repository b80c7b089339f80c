"""The endpoints that the server listens on."""

import re
from typing import Final

BACKLOG: Final = 1024
"""How many connections wait in the system until they are accepted; Twisted's default is 50."""

_WITH_BACKLOG: Final = re.compile(r"(?:haproxy:)?(?:tcp|ssl|unix):")


def add_backlog(description: str) -> str:
    """Return an endpoint string with a backlog, unless it has one or its kind has none."""
    if not _WITH_BACKLOG.match(description) or ":backlog=" in description:
        return description
    return f"{description}:backlog={BACKLOG}"
