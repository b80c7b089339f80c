"""`codexd replay`: makes a golden scenario of a file of the trace buffer, or sends its request to another server."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final

from codexd import __version__
from codexd.administration.traced_exchange import TraceFormatError, read_exchange
from codexd.configuration.server_url import parse_server_url
from codexd.configuration.sources import ConfigurationError
from codexd.observe.logfmt import escape_controls
from codexd.transcripts.difference import diff
from codexd.transcripts.scenario_file import Exchange, FixtureMetadata, encode_scenario, normalise_body

KEY_VARIABLE: Final = "OPENAI_API_KEY"
_TIMEOUT_SECONDS: Final = 600.0


class ReplayError(Exception):
    """A replay failed; the message is shown to the user."""


def parse(argv: Sequence[str]) -> Namespace:
    """Parse the arguments; exits with status 2 and a message if they are wrong."""
    parser = ArgumentParser(
        prog="codexd replay",
        description="Make a golden scenario of a file of the trace buffer, or send its request to another server.",
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, help="a file of the trace buffer (trace.directory)")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--scenario", type=Path, metavar="PATH", help="write a golden scenario to this new file")
    wanted.add_argument("--url", help=f"the address of a server, whose key is in {KEY_VARIABLE}; prints what differs")
    parser.add_argument("--about", help="what the scenario shows")
    return parser.parse_args(list(argv))


def run(arguments: Namespace, key: str | None, codex_version: Callable[[], str]) -> int:
    """Replay a file, and return the exit status: 1 if the answer of the other server differs.

    Args:
        arguments: as parsed.
        key: the API key for the other server.
        codex_version: returns the version of Codex, for the scenario of a request that it has answered.

    Raises:
        ReplayError: with the reason.
    """
    try:
        story, exchange = read_exchange(arguments.file)
    except TraceFormatError as error:
        raise ReplayError(str(error)) from error
    if arguments.url is not None:
        return _compare(exchange, *_send(exchange, arguments.url, key))
    origin = FixtureMetadata(
        about=arguments.about or f"the request {story.id}",
        codex=codex_version() if story.backend == "codex" else None,
        codexd=__version__,
        captured=time.strftime("%Y-%m-%d", time.gmtime(story.time)),
    )
    _write(arguments.scenario, encode_scenario(origin, exchange))
    return 0


def _write(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise ReplayError(f"{path}: {error.strerror}; an existing file is not replaced") from error
    print(f"wrote {path}")


def _send(exchange: Exchange, url: str, key: str | None) -> tuple[int, bytes]:
    """Send the request and return the status and the body of the response.

    Raises:
        ReplayError: if there is no response.
    """
    try:
        server = parse_server_url(url)
    except ConfigurationError as error:
        raise ReplayError(str(error)) from error
    headers = {"content-type": "application/json", **dict(exchange.headers)}
    if key:
        headers["authorization"] = f"Bearer {key}"
    make = HTTPSConnection if server.is_secure else HTTPConnection
    connection = make(server.host, server.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(exchange.method, server.path + exchange.path, exchange.body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException) as error:
        raise ReplayError(f"{url} does not answer: {getattr(error, 'strerror', None) or error}") from error
    except ValueError as error:
        raise ReplayError(f"the request of the trace cannot be sent: {error}") from error
    finally:
        connection.close()


def _compare(exchange: Exchange, status: int, body: bytes) -> int:
    before, after = normalise_body(exchange.response_body), normalise_body(body)
    if exchange.status != status:
        print(f"status: {exchange.status} in the trace, {status} now")
    if before != after:
        for line in diff("trace", "now", before, after).split("\n"):
            print(escape_controls(line))
    if (exchange.status, before) != (status, after):
        return 1
    print("The answers are equal, but for ids and times.")
    return 0
