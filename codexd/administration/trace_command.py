"""`codexd trace`: lists the last requests, explains one, and shows or deletes the files of the trace buffer."""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from codexd.administration.client import AdminClient
from codexd.administration.traced_exchange import TraceFormatError, render_document
from codexd.context import OTHER_ROUTE
from codexd.observe.logfmt import escape_controls
from codexd.observe.trace_files import TraceDirectory
from codexd.wire import json

_CONDITIONS: Final = ("outcome", "model", "key", "limit")
_NONE: Final = "No such request is among the last ones (observe.recent_requests)."
_UNITS: Final = ((10**6, "MB"), (10**3, "kB"))
_IN_SECONDS: Final = 1000
"""From how many milliseconds on a time is shown in seconds."""


def parse(argv: Sequence[str]) -> Namespace:
    """Parse the arguments; exits with status 2 and a message if they are wrong."""
    parser = ArgumentParser(
        prog="codexd trace",
        description="Explain a request of the running daemon: what happened when. Without an id, list the last ones.",
        allow_abbrev=False,
    )
    parser.add_argument("request_id", nargs="?", help="the x-request-id of a response")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--outcome", help="list only these: ok, failed, running, or the kind of a failure")
    parser.add_argument("--model", help="list only requests for this model")
    parser.add_argument(
        "--key", help="list only requests of this API key: its name, or the id that the log has (principal)"
    )
    parser.add_argument("--limit", type=int, help="how many are listed, 50 by default")
    parser.add_argument("--bodies", action="store_true", help="show what the trace buffer has of the request")
    parser.add_argument("--purge", action="store_true", help="delete all files of the trace buffer")
    parser.add_argument("--config", help="the configuration file that the daemon uses")
    parser.add_argument("--socket", help="the control socket of the daemon, instead of the one in its state directory")
    parser.add_argument("--url", help="the address of the daemon; the administrator's key is in CODEXD_ADMIN_KEY")
    arguments = parser.parse_args(list(argv))
    if arguments.bodies and arguments.request_id is None:
        parser.error("--bodies needs the id of a request")
    if arguments.request_id == "":
        parser.error("the id of the request is empty")
    return arguments


def run(arguments: Namespace, client: AdminClient) -> int:
    """Ask the daemon, and return the exit status.

    Raises:
        AdminError: when the daemon cannot be reached, or does not know the request.
    """
    if arguments.request_id is None:
        conditions = {name: value for name in _CONDITIONS if (value := getattr(arguments, name)) is not None}
        found = client.call("GET", f"requests?{urlencode(conditions)}")["data"]
        lines: Iterator[str] = map(render_line, found)
    else:
        found = client.call("GET", f"requests/{quote(arguments.request_id, safe='')}")["data"]
        lines = (line for story in found for line in render_story(story))
    if arguments.json:
        print(json.encode(found).decode())
    else:
        _print_lines(lines)
    if not found:
        print(_NONE, file=sys.stderr)
    return 0


def run_on_files(arguments: Namespace, directory: TraceDirectory) -> int:
    """Show or delete files of the trace buffer, and return the exit status."""
    if arguments.purge:
        count = directory.purge()
        print(f"deleted {count} {'file' if count == 1 else 'files'} in {directory.path}")
        return 0
    files = directory.find(arguments.request_id)
    if not files:
        print(f"codexd: {directory.path} has no trace of {arguments.request_id} (trace.enabled)", file=sys.stderr)
        return 1
    render = _render_json if arguments.json else render_trace
    try:
        for file in files:
            _print_lines(render_document(file.path, render))
    except TraceFormatError as error:
        print(f"codexd: {escape_controls(str(error))}", file=sys.stderr)
        return 1
    return 0


def _render_json(trace: dict[str, Any]) -> Iterator[str]:
    yield json.encode(trace).decode()


def render_line(story: dict[str, Any]) -> str:
    """Render a request as one line."""
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(story["time"]))
    place = story["path"] if story["route"] == OTHER_ROUTE else story["route"]
    end = "running" if story["running"] else f"{story['status']} {story['outcome']}"
    return (
        f"{began} {story['id']} {story['method']} {place} {end} {_time(story['milliseconds'])}"
        f" model={story['model'] or '-'} key={story['principal'] or '-'}"
    )


def render_story(story: dict[str, Any]) -> Iterator[str]:
    """Render a request and its timeline as lines."""
    yield render_line(story)
    tokens = story["tokens"]
    facts = {
        "dialect": story["dialect"],
        "stream": "yes" if story["stream"] else "no",
        "backend": story["backend"],
        "worker": story["worker"],
        "thread": story["thread"],
        "in": _size(story["request_bytes"]),
        "out": _size(story["response_bytes"]),
        "tokens": f"{tokens['input']}+{tokens['output']}",
        "tool calls": str(story["tool_calls"] or ""),
        "ignored": ", ".join(story["ignored"]),
        "note": story["note"],
    }
    yield "  " + ", ".join(f"{name} {value}" for name, value in facts.items() if value)
    yield from map(_render_step, story["timeline"])
    if story["further"]:
        yield "  further steps, added up:"
        yield from map(_render_step, story["further"])


def _render_step(step: dict[str, Any]) -> str:
    began, ended = step["at_milliseconds"], step["until_milliseconds"]
    times = _time(began)
    if ended is None:
        times += " ..."
    elif ended != began:
        times += f" - {_time(ended)}"
    words = [step["kind"], step["label"]]
    if step["count"] != 1:
        words.append(f"x {step['count']}")
    if "characters" in step:
        words.append(f"{step['characters']} characters")
    if "bytes" in step:
        words.append(_size(step["bytes"]))
    words.append(step["status"])
    return f"  {times:>22}  {' '.join(filter(None, words))}"


def render_trace(trace: dict[str, Any]) -> Iterator[str]:
    """Render a file of the trace buffer as lines."""
    yield from render_story(trace["story"])
    request = trace["request"]
    yield f"{request['method']} {request['path']}"
    yield from (f"{name}: {value}" for name, value in request["headers"])
    yield from ("", *_content(request))
    for message in trace["messages"]:
        label = f" {message['label']}" if message["label"] else ""
        yield f"--- {_time(message['at_milliseconds'])} {message['channel']}{label}"
        yield from _content(message)
    if trace["truncated"]:
        yield "--- the rest was not recorded (trace.max_request_bytes)"


def _content(message: dict[str, Any]) -> list[str]:
    if "base64" in message:
        return [f"(bytes in base64) {message['base64']}"]
    return str(message["text"]).splitlines()


def _print_lines(lines: Iterable[str]) -> None:
    """Print lines; what a client or a model wrote cannot control the terminal."""
    for line in lines:
        print(escape_controls(line))


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms" if milliseconds < _IN_SECONDS else f"{milliseconds / 1000:.2f} s"


def _size(size_bytes: int) -> str:
    unit = next(((amount, name) for amount, name in _UNITS if size_bytes >= amount), None)
    return f"{size_bytes} bytes" if unit is None else f"{size_bytes / unit[0]:.1f} {unit[1]}"
