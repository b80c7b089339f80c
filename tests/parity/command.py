"""`python -m tests.parity`: capture golden transcripts, or compare them with a running codexd."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from codexd.configuration import ConfigurationError
from tests.parity.difference import Difference
from tests.parity.fixtures import FixtureDirectory
from tests.parity.runner import ScenarioRunner, capture, compare, find_orphans
from tests.parity.scenario import Scenario
from tests.parity.scenarios import SCENARIOS


def main(argv: Sequence[str]) -> int:
    """Run one of the commands.

    Args:
        argv: the arguments without the program's name.

    Returns:
        The exit status: 0 when nothing differs, 1 when something differs or could not be recorded, 2 for
        invalid arguments.
    """
    options = _build_parser().parse_intermixed_args(argv)
    unknown = [name for name in options.scenarios if not _select([name])]
    if unknown:
        _print_error(f"unknown scenario: {', '.join(unknown)}. `list` shows all scenarios.")
        return 2
    return _COMMANDS[options.command](options)


def _build_parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("command", choices=tuple(_COMMANDS), help="what to do")
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help="PLACE/ENDPOINT/NAME, PLACE/ENDPOINT or PLACE; default: all",
    )
    parser.add_argument("--fixtures", type=Path, default=Path("fixtures"), help="default: %(default)s")
    parser.add_argument("--build", type=Path, default=Path("build"), help="temporary; default: %(default)s")
    parser.add_argument("--codex", metavar="BINARY", help="another Codex than the pinned one")
    return parser


def _select(names: Sequence[str]) -> tuple[Scenario, ...]:
    """Return the scenarios of these names: their ids, or the directories that they are in."""
    chosen = tuple(name.rstrip("/") for name in names)
    return tuple(
        scenario
        for scenario in SCENARIOS
        if not chosen or any(f"{scenario.id}/".startswith(f"{name}/") for name in chosen)
    )


def _list(options: Namespace) -> int:
    for scenario in _select(options.scenarios):
        print(f"{scenario.id:64} {scenario.about}")
    return 0


def _compare(options: Namespace) -> int:
    directory, chosen = FixtureDirectory(options.fixtures), _select(options.scenarios)

    async def work(runner: ScenarioRunner) -> int:
        differences = await compare(runner, directory, chosen, SCENARIOS)
        _print_differences(differences)
        print(f"{len(chosen)} scenarios compared, {len(differences)} differences")
        return 1 if differences else 0

    return _run(options, work)


def _capture(options: Namespace) -> int:
    directory, chosen = FixtureDirectory(options.fixtures), _select(options.scenarios)

    async def work(runner: ScenarioRunner) -> int:
        result = await capture(runner, directory, chosen)
        for id in result.saved:
            print(f"captured {id}")
        if not options.scenarios:
            _remove(directory, find_orphans(directory, SCENARIOS))
        _print_differences(result.differences)
        print(f"{len(chosen)} scenarios recorded, {len(result.saved)} fixtures written")
        return 1 if result.differences else 0

    return _run(options, work)


def _remove(directory: FixtureDirectory, ids: Iterable[str]) -> None:
    for id in ids:
        print(f"removed {id}" if directory.remove(id) else f"not removed, because it is not a fixture: {id}")


def _print_differences(differences: Iterable[Difference]) -> None:
    for difference in differences:
        print(difference)


def _print_error(why: str) -> None:
    print(f"parity: {why}", file=sys.stderr)


def _run(options: Namespace, work: Callable[[ScenarioRunner], Awaitable[int]]) -> int:
    """Run the work in the reactor and return its exit status."""

    async def begin(reactor: Any) -> None:
        try:
            status = await work(ScenarioRunner(reactor, options.build, options.codex))
        except (ConfigurationError, TimeoutError) as error:
            _print_error(str(error))
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
