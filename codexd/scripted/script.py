"""The scripted model's language: the last user text says what to answer.

One verb begins the text, after any directives (style.py); the rest, newlines included, belongs to it::

    say: X, json: X        exactly X
    refuse: X              a refusal that says X
    call: NAME ARGUMENTS   a tool call if NAME is offered, else the text `no tool NAME`
    search: X              a web search for X if one is offered, then `found: X` with a citation, else the
                           text `no tool web_search`
    think: X               a reasoning item with the summary X, then X
    long: N, slow: N       N words; at once, or one each 50 ms
    fail: STATUS           that HTTP status
    fail: CODE             an answer that fails after it began, with that error code
    incomplete: REASON X   X, then an incomplete end; REASON is max_output_tokens or content_filter
    cut: X                 X, then the connection is closed in the middle
    garble: X              X, then an event that is no JSON
    stall: X               X, then nothing more
    hang:                  the beginning of an answer, then nothing more
    seen:                  what the request said, as one line of JSON
    anything else          `echo: ` and the text, and ` [N images]` if there are any

Several `call:` lines are parallel calls; a line that begins neither a call nor a `then:` belongs to the call
above it. The arguments go out verbatim, without the newlines at their end; left out they are `{}`. To tool
results the answer is `tool said: ` and the results joined by ` | `, or what the `then: TEXT` sections after
the calls say in this same language: the first section to the first round of results, and so on.

An answer ends before a stop sequence of the request, and after as many tokens as it allows (limits.py).

Usage, where no directive sets it: each word of the input is a token, each delta with text is a token, each
four characters of a call's arguments are a token; reasoning deltas are among the output; nothing is cached.
"""

import re
from collections.abc import Callable, Iterable

from attrs import evolve, frozen

from codexd.scripted import tokens
from codexd.scripted.limits import Said, shortened, stopped
from codexd.scripted.plan import (
    Call,
    Completed,
    Cut,
    Failed,
    Garbled,
    Incomplete,
    Message,
    Plan,
    Refused,
    Search,
    Silent,
    Step,
    Thought,
    Usage,
)
from codexd.scripted.question import SEARCH, Question, Tool
from codexd.scripted.style import Style, number, take

MOST_WORDS = 100_000
"""The most words `long:` and `slow:` give; a greater number is not understood."""

SLOW_SECONDS = 0.05

SOURCE = "https://example.org/found"
"""Where a search finds whatever it is asked for."""

_CHARACTERS_A_TOKEN = 4
_NEXT_CALL = re.compile(r"\ncall: *")
_NEXT_ROUND = re.compile(r"\nthen: ?")
_CODE = re.compile(r"[a-z][a-z0-9_]*")
_ERROR_STATUSES = range(400, 600)
_INCOMPLETE_REASONS = ("max_output_tokens", "content_filter")


@frozen
class _Asking:
    question: Question
    style: Style


def plan(question: Question) -> Plan:
    """Decide the whole answer. The same question gives the same plan."""
    text, style = take(question.text, Style())
    if question.round:
        text, style = _after_results(text, style, question)
    said, ending = _answer(text, _Asking(question, style))
    meant = stopped(((*style.first, *said), ending), question.stops)
    steps, ending = shortened(meant, question.most_tokens)
    return Plan(
        steps=steps,
        ending=ending,
        usage=style.usage or _counted(question.words, steps),
        seed=f"{question.digest}/{question.round}",
        pace_seconds=style.pace_seconds,
    )


def _after_results(text: str, style: Style, question: Question) -> tuple[str, Style]:
    """Find what is to be said to this round of results; style carries over, what went first does not."""
    style = evolve(style, first=())
    rounds = _NEXT_ROUND.split(text) if text.startswith("call:") else [text]
    if question.round < len(rounds):
        return take(rounds[question.round], style)
    return "say: tool said: " + " | ".join(question.results), style


def _answer(text: str, asking: _Asking) -> Said:
    verb, colon, rest = text.partition(":")
    speak = _VERBS.get(verb) if colon else None
    said = speak(rest.removeprefix(" "), asking) if speak else None
    return said or _echo(text, asking)


def _echo(text: str, asking: _Asking) -> Said:
    images = f" [{asking.question.images} images]" if asking.question.images else ""
    return _say(f"echo: {text}{images}", asking)


def _say(text: str, asking: _Asking) -> Said:
    return (asking.style.message(text),), Completed()


def _call(text: str, asking: _Asking) -> Said:
    batch = _NEXT_ROUND.split(text)[0]
    return tuple(_one_call(call, asking) for call in _NEXT_CALL.split(batch)), Completed()


def _one_call(text: str, asking: _Asking) -> Step:
    name, *rest = text.rstrip("\n").split(maxsplit=1) or [""]
    tool = asking.question.tools.get(name)
    if tool is None:
        return asking.style.message(f"no tool {name}")
    pieces = asking.style.cut(_arguments(rest, tool), default="few")
    return Call(tool.name, pieces, tool.custom, tool.namespace)


def _arguments(rest: list[str], tool: Tool) -> str:
    if rest:
        return rest[0]
    return "" if tool.custom else "{}"


def _search(text: str, asking: _Asking) -> Said:
    if SEARCH not in asking.question.tools:
        return _say(f"no tool {SEARCH}", asking)
    found = evolve(asking.style.message(f"found: {text}"), source=SOURCE)
    return (Search(text), found), Completed()


def _think(text: str, asking: _Asking) -> Said:
    return (Thought(asking.style.cut(text)), asking.style.message(text)), Completed()


def _long(text: str, asking: _Asking) -> Said | None:
    words = _words(text)
    return None if words is None else _say(words, asking)


def _slow(text: str, _: _Asking) -> Said | None:
    words = _words(text)
    return None if words is None else ((Message(tokens.words(words), SLOW_SECONDS),), Completed())


def _words(text: str) -> str | None:
    count = number(text)
    if count is None or count > MOST_WORDS:
        return None
    return " ".join(f"word{position}" for position in range(1, count + 1))


def _fail(text: str, _: _Asking) -> Said | None:
    text = text.strip()
    if number(text) in _ERROR_STATUSES:
        return (), Refused(int(text))
    return ((), Failed(text)) if _CODE.fullmatch(text) else None


def _incomplete(text: str, asking: _Asking) -> Said | None:
    reason, *rest = re.split(r"\s", text, maxsplit=1)
    if reason not in _INCOMPLETE_REASONS:
        return None
    return (asking.style.message("".join(rest)),), Incomplete(reason)


def _cut(text: str, asking: _Asking) -> Said:
    return (asking.style.message(text),), Cut()


def _garble(text: str, asking: _Asking) -> Said:
    return (asking.style.message(text),), Garbled()


def _refuse(text: str, asking: _Asking) -> Said:
    return (evolve(asking.style.message(text), refused=True),), Completed()


def _stall(text: str, asking: _Asking) -> Said:
    return (asking.style.message(text),), Silent()


def _hang(_: str, __: _Asking) -> Said:
    return (), Silent()


def _seen(_: str, asking: _Asking) -> Said:
    return _say(asking.question.seen.render(), asking)


_VERBS: dict[str, Callable[[str, _Asking], Said | None]] = {
    "say": _say,
    "json": _say,
    "refuse": _refuse,
    "call": _call,
    "search": _search,
    "think": _think,
    "long": _long,
    "slow": _slow,
    "fail": _fail,
    "incomplete": _incomplete,
    "cut": _cut,
    "garble": _garble,
    "stall": _stall,
    "hang": _hang,
    "seen": _seen,
}


def _counted(words: int, steps: Iterable[Step]) -> Usage:
    costs = [(step, _cost(step)) for step in steps]
    reasoning = sum(cost for step, cost in costs if isinstance(step, Thought))
    return Usage(words, 0, sum(cost for _, cost in costs), reasoning)


def _cost(step: Step) -> int:
    if isinstance(step, Call):
        return -(-len(step.arguments) // _CHARACTERS_A_TOKEN)
    return sum(piece != "" for piece in step.pieces)
