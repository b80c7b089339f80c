"""The blocks of symptoms in `docs/runbooks.md`: queries, log lines and requests, as a drill compares them."""

import operator
import re
from pathlib import Path

from attrs import frozen

from tests.support.metric_samples import find_sample

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runbooks.md"

_BLOCK = re.compile(r"^```(promql|text|http)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INCREASE = re.compile(r"increase\((?P<name>.+)\[\w+\]\)")
_CONDITION = re.compile(r"(?P<value>.+) (?P<sign>[<>]=?|==) (?P<bound>[\d.e]+)")
_REQUEST = re.compile(r"(?P<method>GET|POST) (?P<path>\S+): (?P<status>\d{3}|no connection) ?(?P<body>.*)")
_SIGNS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge, ">": operator.gt}


@frozen
class ShownRequest:
    """A request, and the answer that the page shows.

    Attributes:
        method: of the request.
        path: of the request.
        status: of the answer; `no connection` if there is none.
        body: a part of its body.
    """

    method: str
    path: str
    status: str
    body: str


@frozen
class Symptoms:
    """What a section of the page shows.

    Attributes:
        text: the whole section.
        conditions: queries, each with its condition.
        lines: parts of log lines.
        requests: requests with their answers.
    """

    text: str
    conditions: tuple[str, ...]
    lines: tuple[str, ...]
    requests: tuple[ShownRequest, ...]


def read_symptoms(heading: str) -> Symptoms:
    """Return the symptoms of a section.

    Raises:
        AssertionError: if there is no such section, it has none, or a line cannot be read.
    """
    parts = re.split(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    if heading not in sections:
        raise AssertionError(f"docs/runbooks.md has no section {heading!r}")
    blocks: dict[str, list[str]] = {"promql": [], "text": [], "http": []}
    for language, content in _BLOCK.findall(sections[heading]):
        blocks[language] += content.splitlines()
    if not any(blocks.values()):
        raise AssertionError(f"{heading!r} of docs/runbooks.md shows no symptoms")
    requests = tuple(_read_request(line) for line in blocks["http"])
    return Symptoms(sections[heading], tuple(blocks["promql"]), tuple(blocks["text"]), requests)


def list_conditions() -> list[str]:
    """Return the conditions of all sections."""
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return [line for language, content in blocks if language == "promql" for line in content.splitlines()]


def _read_request(line: str) -> ShownRequest:
    match = _REQUEST.fullmatch(line)
    assert match is not None, line
    return ShownRequest(**match.groupdict())


def holds(condition: str, before: bytes, now: bytes) -> bool:
    """Return whether a condition holds between two scrapes; what a scrape does not have is 0.

    Raises:
        AssertionError: if the condition is neither of a gauge nor of the increase of a counter.
    """
    match = _CONDITION.fullmatch(condition)
    assert match is not None, condition
    increase = _INCREASE.fullmatch(match["value"])
    name = increase["name"] if increase else match["value"]
    assert re.fullmatch(r'\w+(\{(\w+="[^"]*",?)+\})?', name), condition
    value = find_sample(now, name) or 0.0
    if increase:
        value -= find_sample(before, name) or 0.0
    return bool(_SIGNS[match["sign"]](value, float(match["bound"])))


def matches(line: str, log: str) -> bool:
    """Return whether a line of the log contains a shown one; `...` stands for any text."""
    return re.search(".*?".join(re.escape(part) for part in line.split("...")), log) is not None
