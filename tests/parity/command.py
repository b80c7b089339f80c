"""`python -m tests.parity`: record golden transcripts, and compare them with what codexd says now."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from codexd.configuration import Misconfigured
from tests.parity import proof
from tests.parity.drift import Drift
from tests.parity.fixtures import Shelf
from tests.parity.scenario import Scenario
from tests.parity.scenarios import SCENARIOS


def main(argv: Sequence[str]) -> int:
    """Run one of the commands.

    Args:
        argv: without the program's name.

    Returns:
        The exit status: 0 when all is as it should be, 1 when something differs or could not be recorded, 2
        for arguments that are not understood.
    """
    options = _parser().parse_intermixed_args(argv)
    unknown = sorted(set(options.scenarios) - {scenario.id for scenario in SCENARIOS})
    if unknown:
        _complain(f"no scenario {', '.join(unknown)}; `list` shows them")
        return 2
    return _COMMANDS[options.command](options)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("command", choices=tuple(_COMMANDS), help="what to do")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="only these; all when none is named")
    parser.add_argument("--fixtures", type=Path, default=Path("fixtures"), help="default: %(default)s")
    parser.add_argument("--build", type=Path, default=Path("build"), help="for a while; default: %(default)s")
    parser.add_argument("--codex", help="another Codex than the pinned one")
    return parser


def _chosen(options: Namespace) -> tuple[Scenario, ...]:
    names = frozenset(options.scenarios)
    return tuple(scenario for scenario in SCENARIOS if not names or scenario.id in names)


def _list(options: Namespace) -> int:
    for scenario in _chosen(options):
        print(f"{scenario.id:64} {scenario.about}")
    return 0


def _compare(options: Namespace) -> int:
    shelf, chosen = Shelf(options.fixtures), _chosen(options)

    async def work(workshop: proof.Workshop) -> int:
        drifts = await proof.hold(workshop, shelf, chosen, SCENARIOS)
        _tell(drifts)
        print(f"{len(chosen)} scenarios compared, {len(drifts)} differences")
        return 1 if drifts else 0

    return _run(options, work)


def _capture(options: Namespace) -> int:
    shelf, chosen = Shelf(options.fixtures), _chosen(options)

    async def work(workshop: proof.Workshop) -> int:
        captured = await proof.capture(workshop, shelf, chosen)
        for name in captured.saved:
            print(f"captured {name}")
        if not options.scenarios:
            _remove(shelf, proof.superfluous(shelf, SCENARIOS))
        _tell(captured.drifts)
        print(f"{len(chosen)} scenarios recorded, {len(captured.saved)} fixtures written")
        return 1 if captured.drifts else 0

    return _run(options, work)


def _remove(shelf: Shelf, names: Iterable[str]) -> None:
    for name in names:
        print(f"removed {name}" if shelf.remove(name) else f"left {name}, which is no fixture")


def _tell(drifts: Iterable[Drift]) -> None:
    for drift in drifts:
        print(drift)


def _complain(why: str) -> None:
    print(f"parity: {why}", file=sys.stderr)


def _run(options: Namespace, work: Callable[[proof.Workshop], Awaitable[int]]) -> int:
    """Do the work in the reactor, and give its exit status."""

    async def begin(reactor: Any) -> None:
        try:
            status = await work(proof.Workshop(reactor, options.build, options.codex))
        except (Misconfigured, TimeoutError) as error:
            _complain(str(error))
            status = 1
        raise SystemExit(status)

    try:
        react(lambda reactor: Deferred.fromCoroutine(begin(reactor)))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0


_COMMANDS: Final[dict[str, Callable[[Namespace], int]]] = {
    "capture": _capture,
    "compare": _compare,
    "list": _list,
}
