"""Orphans of a real process; in a process of its own, because adoption of orphans lasts as long as the process."""

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support import sandbox_host

PROGRAM = """
import os, subprocess, sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock, deferLater, react
from codexd.child.orphans import SWEEP_SECONDS, OrphanReaper

def leave(command):
    # The shell ends after it has said the pid of what it leaves behind.
    run = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, check=True)
    return int(run.stdout)

def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"

async def main(reactor):
    killed, clock = [], Clock()
    foreign = subprocess.Popen(["sleep", "60"])
    reaper = OrphanReaper(clock, lambda: killed.append(1))
    reaper.start()
    child = reactor.spawnProcess(ProcessProtocol(), "sleep", ["sleep", "60"], env=os.environ)
    plain = leave("sleep 60 > /dev/null & echo $!")
    ended = leave("true > /dev/null & echo $!")
    contained = leave(CONTAINED) if CONTAINED else None
    parent = Path(f"/proc/{plain}/stat").read_text().rpartition(")")[2].split()[1]
    assert int(parent) == os.getpid(), parent
    await deferLater(reactor, 0.2, lambda: None)
    clock.advance(SWEEP_SECONDS)
    await deferLater(reactor, 0.2, lambda: None)
    print("plain", state(plain), "ended", state(ended), "killed", len(killed))
    if contained:
        print("contained", state(contained))
    done = ensureDeferred(reaper.end())
    while not done.called:
        await deferLater(reactor, 0.02, lambda: None)
        clock.advance(0.05)
    print("plain", state(plain), "foreign", state(foreign.pid), "child", state(child.pid), "killed", len(killed))
    if contained:
        print("contained", state(contained))
    foreign.kill()
    child.signalProcess("KILL")
    await deferLater(reactor, 0.1, lambda: None)

react(lambda reactor: ensureDeferred(main(reactor)))
"""

# The command in the namespace outlives the program that made the namespace.
CONTAINED = """
unshare --user --map-root-user --pid --fork sleep 60 > /dev/null 2>&1 & parent=$!
until child=$(cat /proc/$parent/task/$parent/children) && [ -n "$child" ]; do sleep 0.02; done
echo $child; sleep 0.2; kill -KILL $parent
"""


def run(contained: str) -> list[str]:
    program = f"CONTAINED = {contained!r}\n{PROGRAM}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    if done.returncode:
        raise AssertionError(done.stderr.decode())
    return done.stdout.decode().splitlines()


class OrphanTests(SynchronousTestCase):
    skip = None if sys.platform == "linux" else "only Linux has subreapers"

    def test_a_sweep_reaps_what_has_ended_and_the_end_kills_every_orphan_but_no_other_child(self) -> None:
        self.assertEqual(run(""), ["plain S ended gone killed 0", "plain gone foreign S child S killed 1"])

    def test_a_sweep_kills_orphans_in_namespaces_of_their_own(self) -> None:
        during, contained, *_ = run(CONTAINED)
        self.assertEqual((during, contained), ("plain S ended gone killed 1", "contained Z"))

    test_a_sweep_kills_orphans_in_namespaces_of_their_own.skip = sandbox_host.missing()  # type: ignore[attr-defined]
