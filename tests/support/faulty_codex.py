"""Codex behind a wrapper that misbehaves on request: the child of a daemon that stops responding in different ways.

The wrapper passes everything on to the real binary. When the file `fault` exists in the daemon's folder, the wrapper
that removes it takes the fault that the file names; a later wrapper passes everything on again:

- `mute`: reads its stdin and answers nothing.
- `deaf`: does not read its stdin.
- `closed`: closes its stdout and runs on.

It is run by its path, with the standard library alone.
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.02

SETTINGS = '[codex]\nbinary = "{folder}/codex"\n'
"""The settings of a daemon that uses the wrapper; more settings of `[codex]` may follow."""


def install(folder: Path, binary: Path) -> None:
    """Write the wrapper to the folder of a daemon that is not started yet."""
    wrapper = folder / "codex"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {folder}/fault {binary} "$@"\n')
    wrapper.chmod(0o700)


def cause(folder: Path, fault: str) -> None:
    """Have the running wrapper take a fault, and wait until it has."""
    path = folder / "fault"
    path.with_suffix(".new").write_text(fault)
    path.with_suffix(".new").replace(path)
    while path.exists():
        time.sleep(POLL_SECONDS)


def _main(fault_file: Path, command: list[str]) -> int:
    if "app-server" not in command:
        return subprocess.run(command, check=False).returncode
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    routes = {0: child.stdin.fileno(), child.stdout.fileno(): 1}
    fault = ""
    while True:
        sources = [source for source in routes if not (fault == "deaf" and source == 0)]
        for source in select.select(sources, [], [], POLL_SECONDS)[0]:
            data = os.read(source, 2**16)
            if not data:
                child.kill()
                return child.wait()
            if not fault:
                _write_all(routes[source], data)
        if not fault and fault_file.exists():
            fault = fault_file.read_text()
            fault_file.unlink()
            if fault == "closed":
                os.close(1)


def _write_all(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), sys.argv[2:]))
