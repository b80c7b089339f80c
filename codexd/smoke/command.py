"""The command `codexd smoke`: its arguments, its run and its output."""

import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from typing import Final

from attrs import asdict, frozen

from codexd.configuration.sent_keys import read_api_key
from codexd.configuration.server_url import parse_server_url
from codexd.configuration.sources import ConfigurationError
from codexd.smoke.checks import CHECKS, SmokeCheck
from codexd.smoke.client import SmokeClient, SmokeError
from codexd.smoke.target import SmokeSkip, SmokeTarget
from codexd.wire import json

KEY_VARIABLES: Final = ("CODEXD_API_KEY", "OPENAI_API_KEY")
_LONGEST_SECONDS: Final = 86_400.0
OK, SKIPPED, FAILED = "ok", "skipped", "failed"

_DESCRIPTION: Final = (
    "Send small requests to each endpoint of a running daemon, and say whether the responses are right. What is stored"
    " is deleted again. The exit status is 0 if no check failed, else 1. An API key is read from CODEXD_API_KEY or"
    " OPENAI_API_KEY."
)


@frozen(kw_only=True)
class SmokeResult:
    """The result of one check.

    Attributes:
        name: the name of the check.
        verdict: `ok`, `skipped` or `failed`.
        milliseconds: how long it took.
        detail: what was seen, why it was skipped, or what is wrong.
    """

    name: str
    verdict: str
    milliseconds: float
    detail: str


def run(argv: Sequence[str], environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> int:
    """Run the command and return its exit status."""
    arguments = _parse(argv)
    key = read_api_key(environ, *KEY_VARIABLES)
    client = SmokeClient(url=arguments.url, key=key, timeout_seconds=arguments.timeout)
    began = clock()
    results = []
    for result in run_checks(client, arguments, clock):
        results.append(result)
        if not arguments.json:
            print(f"{result.verdict:7} {result.name:22} {result.milliseconds:7.0f} ms  {result.detail}", flush=True)
    seconds = clock() - began
    failed = sum(result.verdict == FAILED for result in results)
    print(_render(arguments.url, results, seconds) if arguments.json else _summarize(results, seconds))
    return 1 if failed else 0


def run_checks(client: SmokeClient, arguments: Namespace, clock: Callable[[], float]) -> Iterable[SmokeResult]:
    """Yield the result of each check; only one, if the daemon has no model to ask."""
    try:
        model = arguments.model or client.call("GET", "/v1/models")["data"][0]["id"]
    except _ERRORS as error:
        yield SmokeResult(name="connection", verdict=FAILED, milliseconds=0.0, detail=_explain(error, client))
        return
    target = SmokeTarget(client=client, model=model, embedding_model=arguments.embedding_model)
    for check in CHECKS:
        yield _run_check(check, target, clock)


def _run_check(check: SmokeCheck, target: SmokeTarget, clock: Callable[[], float]) -> SmokeResult:
    began = clock()
    try:
        with target.cleaned():
            verdict, detail = OK, check.run(target)
    except SmokeSkip as reason:
        verdict, detail = SKIPPED, str(reason)
    except _ERRORS as error:
        verdict, detail = FAILED, _explain(error, target.client)
    return SmokeResult(name=check.name, verdict=verdict, milliseconds=(clock() - began) * 1000, detail=detail)


_ERRORS: Final = (SmokeError, OSError, HTTPException, ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What a check can raise: wrong responses, failed connections, and bodies of another form."""


def _explain(error: Exception, client: SmokeClient) -> str:
    if isinstance(error, SmokeError):
        return str(error)
    if isinstance(error, OSError | HTTPException):
        return f"no response from {client.url}: {error or type(error).__name__}"
    return f"the response has another form than OpenAI's: {type(error).__name__}: {error}"


def _summarize(results: Sequence[SmokeResult], seconds: float) -> str:
    counts = {verdict: sum(result.verdict == verdict for result in results) for verdict in (OK, SKIPPED, FAILED)}
    parts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"{'FAILED' if counts[FAILED] else 'PASSED'} in {seconds:.1f} s: {parts}"


def _render(url: str, results: Sequence[SmokeResult], seconds: float) -> str:
    report = {
        "url": url,
        "verdict": FAILED if any(result.verdict == FAILED for result in results) else OK,
        "seconds": round(seconds, 3),
        "checks": [asdict(result) for result in results],
    }
    return json.encode(report).decode()


def _parse(argv: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="codexd smoke", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("url", metavar="URL", type=_parse_url, help="its address, such as http://127.0.0.1:11435")
    parser.add_argument("--model", help="the model to ask; the first that the daemon lists if it is not given")
    parser.add_argument("--embedding-model", metavar="MODEL", help="a model with embeddings; else they are skipped")
    parser.add_argument(
        "--timeout", type=_parse_seconds, default=60.0, metavar="SECONDS", help="the longest time of each request"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    return parser.parse_args(list(argv))


def _parse_url(text: str) -> str:
    try:
        parse_server_url(text)
    except ConfigurationError as error:
        raise ArgumentTypeError(str(error)) from None
    return text.rstrip("/").removesuffix("/v1")


def _parse_seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 < (seconds := float(text)) <= _LONGEST_SECONDS:
            return seconds
    raise ArgumentTypeError(f"{text!r} is not a number of seconds above 0 and up to {_LONGEST_SECONDS:.0f}")
