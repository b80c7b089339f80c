"""Runs a store on a file system of its own, as a program: `unshare -rm python -m tests.support.mounted_store WHAT DIR`.

The name space of the program makes mounting possible without privileges, and ends with it. The program prints
what happened as JSON.
"""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from codexd.configuration import ConfigurationError
from codexd.neutral.fault import FaultError
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store.database_file import DatabaseLock
from codexd.store.service import CHECK_SECONDS, Store
from codexd.wire import json
from tests.support.inline_executor import InlineExecutor, stored_response

ROOT = Path(__file__).parents[2]
MIB = 2**20


class MountedStore:
    """A store whose calls are made by the test."""

    def __init__(self, path: str) -> None:
        self.clock = Clock()
        self.store = Store(Responses(), path, self.clock, Metrics(), lambda: 2.0, connect=InlineExecutor)

    def start(self) -> "MountedStore":
        self.store.startService()
        return self

    def save(self, id: str, size: int) -> str:
        """Save a response; return `saved`, or the kind of the fault."""
        results: list[Any] = []
        self.store.save_response(stored_response(id, body=b"x" * size)).addBoth(results.append)
        if results[0] is None:
            return "saved"
        results[0].trap(FaultError)
        return str(results[0].value.fault.kind)

    def load(self, *ids: str) -> list[str]:
        """Return which of these responses are stored."""
        found: list[Any] = []
        for id in ids:
            self.store.load_response("me", id).addCallback(found.append)
        return [response.id for response in found if response is not None]


def full(directory: Path) -> json.Json:
    """Fill the file system while the store runs, then free it."""
    mount(directory, "size=4m")
    path = str(directory / "kept.sqlite3")
    daemon = MountedStore(path).start()
    before = daemon.save("before", 1000)
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    during = [daemon.save("during", MIB), daemon.store.problem()]
    reads = daemon.load("before", "during")
    daemon.clock.pump([CHECK_SECONDS] * 3)
    still = daemon.store.problem() if daemon.save("more", MIB) != "saved" else "saved"
    filler.unlink()
    daemon.clock.pump([CHECK_SECONDS] * 3)
    after = [daemon.store.problem(), daemon.save("after", MIB)]
    daemon.store.stopService()
    kept = MountedStore(path).start().load("before", "during", "more", "after")
    return {"before": before, "during": during, "reads": reads, "still": still, "after": after, "kept": kept}


def read_only(directory: Path) -> json.Json:
    """Start on a file system that was mounted for reading only."""
    mount(directory, "size=4m")
    path = str(directory / "kept.sqlite3")
    daemon = MountedStore(path).start()
    daemon.save("before", 1000)
    daemon.store.stopService()
    subprocess.run(["mount", "-o", "remount,ro", str(directory)], check=True)
    try:
        DatabaseLock.acquire(path)
    except ConfigurationError as error:
        refused = str(error).replace(str(directory), "")
    subprocess.run(["mount", "-o", "remount,rw", str(directory)], check=True)
    return {"refused": refused, "kept": MountedStore(path).start().load("before")}


def limited(directory: Path) -> json.Json:
    """Limit the size of the files of the process while the store runs."""
    path = str(directory / "kept.sqlite3")
    daemon = MountedStore(path).start()
    before = daemon.save("before", 1000)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(f"{path}-wal") + 10_000, limits[1]))
    during = [daemon.save("during", MIB), daemon.store.problem()]
    reads = daemon.load("before", "during")
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    daemon.clock.pump([CHECK_SECONDS] * 3)
    after = [daemon.store.problem(), daemon.save("after", MIB)]
    daemon.store.stopService()
    kept = MountedStore(path).start().load("before", "during", "after")
    return {"before": before, "during": during, "reads": reads, "after": after, "kept": kept}


SCENARIOS: dict[str, Callable[[Path], json.Json]] = {"full": full, "read_only": read_only, "limited": limited}


def mount(directory: Path, options: str) -> None:
    """Mount a memory file system."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(directory)], check=True)


def can_mount() -> bool:
    """Return whether this machine lets the tests mount a file system in a name space of their own."""
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run_scenario(scenario: str, directory: Path, mounts: bool = True) -> Any:
    """Run a scenario, in a name space of its own if it mounts, and return what it printed."""
    command = [*(("unshare", "-rm") if mounts else ()), sys.executable, "-m", __name__, scenario, str(directory)]
    run = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=60)
    if run.returncode != 0:
        raise AssertionError(run.stderr.decode())
    return json.decode(run.stdout)


if __name__ == "__main__":
    sys.stdout.buffer.write(json.encode(SCENARIOS[sys.argv[1]](Path(sys.argv[2]))))
