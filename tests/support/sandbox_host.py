"""Whether this machine can confine the commands of agents: the tests of agents need it."""

import subprocess
from functools import cache


@cache
def missing() -> str | None:
    """Return why not, as the reason to skip a test; None if it can."""
    command = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "true")
    try:
        run = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        return f"unshare cannot be run: {error}"
    return None if run.returncode == 0 else f"no user namespaces here: {run.stderr.decode().strip()}"
