"""The language of the scripted model: the last text part of the last user message determines the answer.

The text begins with a verb, after any directives (directives.py). The rest, including newlines, is its
argument::

    say: X, json: X        exactly X
    refuse: X              a refusal with the text X
    call: NAME ARGUMENTS   a tool call if the request has the tool, else the text `no tool NAME`
    search: X              a web search for X if the request has the tool, then `found: X` with a citation;
                           else the text `no tool web_search`
    think: X               a reasoning item with the summary X, then X
    long: N, slow: N       N words: at once, or one every 50 ms
    fail: STATUS CODE      an error response with this HTTP status and error code; without CODE the usual one
    fail: CODE             an answer that fails after it has begun, with this error code
    incomplete: REASON X   X, then an incomplete end; REASON is max_output_tokens or content_filter
    cut: X                 X, then the connection is closed before the end
    garble: X              X, then an event that is not JSON
    stall: X               X, then nothing more
    hang:                  the first event of an answer, then nothing more
    seen:                  the parsed request, as one line of JSON
    anything else          `echo: `, the text, and ` [N images]` if there are images

Several `call:` lines are parallel calls; a line that begins neither with `call:` nor with `then:` belongs to
the call above it. Arguments are sent verbatim, without trailing newlines; omitted arguments are `{}`. The
answer to tool results is `tool said: ` and the results joined by ` | `, unless `then: TEXT` sections follow
the calls: they are scripts in the same language, the first one for the first round of results, and so on.

An answer ends before a stop sequence of the request, and after its maximum number of tokens
(output_limits.py).

Token usage, unless a directive sets it: every word of the input is a token, every delta with text is one, and
every four characters of a call's arguments are one. Reasoning deltas are part of the output; nothing is
cached.
"""

import re
from collections.abc import Callable, Iterable

from attrs import evolve, frozen

from codexd.scripted import delta_shapes
from codexd.scripted.answer_plan import (
    AnswerPlan,
    CompletedEnding,
    DisconnectedEnding,
    FailedEnding,
    GarbledEnding,
    IncompleteEnding,
    RejectedEnding,
    ScriptedCall,
    ScriptedItem,
    ScriptedMessage,
    ScriptedReasoning,
    ScriptedSearch,
    ScriptedUsage,
    SilentEnding,
)
from codexd.scripted.directives import Directives, parse_directives, parse_natural
from codexd.scripted.output_limits import PlannedOutput, apply_stop_sequences, apply_token_limit
from codexd.scripted.prompt import SEARCH, ScriptedPrompt, ScriptedTool

MAX_WORDS = 100_000
"""The maximum of `long:` and `slow:`; a larger number is echoed."""

SLOW_SECONDS = 0.05

SEARCH_RESULT_URL = "https://example.org/found"
"""The URL that every search result cites."""

_CHARACTERS_PER_TOKEN = 4
_NEXT_CALL = re.compile(r"\ncall: *")
_NEXT_ROUND = re.compile(r"\nthen: ?")
_CODE = re.compile(r"[a-z][a-z0-9_]*")
_ERROR_STATUSES = range(400, 600)
_INCOMPLETE_REASONS = ("max_output_tokens", "content_filter")


@frozen
class _ScriptContext:
    prompt: ScriptedPrompt
    directives: Directives


def build_plan(prompt: ScriptedPrompt) -> AnswerPlan:
    """Build the answer. The same prompt always has the same plan."""
    text, directives = parse_directives(prompt.text, Directives())
    if prompt.round:
        text, directives = _after_results(text, directives, prompt)
    output, ending = _answer(text, _ScriptContext(prompt, directives))
    stopped = apply_stop_sequences(((*directives.leading_items, *output), ending), prompt.stops)
    items, ending = apply_token_limit(stopped, prompt.max_tokens)
    return AnswerPlan(
        items=items,
        ending=ending,
        usage=directives.usage or _count_usage(prompt.words, items),
        seed=f"{prompt.digest}/{prompt.round}",
        pace_seconds=directives.pace_seconds,
    )


def _after_results(text: str, directives: Directives, prompt: ScriptedPrompt) -> tuple[str, Directives]:
    """Return the script for this round of results. Directives carry over, except the leading items."""
    directives = evolve(directives, leading_items=())
    rounds = _NEXT_ROUND.split(text) if text.startswith("call:") else [text]
    if prompt.round < len(rounds):
        return parse_directives(rounds[prompt.round], directives)
    return "say: tool said: " + " | ".join(prompt.results), directives


def _answer(text: str, context: _ScriptContext) -> PlannedOutput:
    verb, colon, rest = text.partition(":")
    run_verb = _VERBS.get(verb) if colon else None
    output = run_verb(rest.removeprefix(" "), context) if run_verb else None
    return output or _echo(text, context)


def _echo(text: str, context: _ScriptContext) -> PlannedOutput:
    images = f" [{context.prompt.images} images]" if context.prompt.images else ""
    return _say(f"echo: {text}{images}", context)


def _say(text: str, context: _ScriptContext) -> PlannedOutput:
    return (context.directives.build_message(text),), CompletedEnding()


def _call(text: str, context: _ScriptContext) -> PlannedOutput:
    batch = _NEXT_ROUND.split(text)[0]
    return tuple(_one_call(call, context) for call in _NEXT_CALL.split(batch)), CompletedEnding()


def _one_call(text: str, context: _ScriptContext) -> ScriptedItem:
    name, *rest = text.rstrip("\n").split(maxsplit=1) or [""]
    tool = context.prompt.tools.get(name)
    if tool is None:
        return context.directives.build_message(f"no tool {name}")
    deltas = context.directives.split_text(_arguments(rest, tool), default="few")
    return ScriptedCall(tool.name, deltas, tool.custom, tool.namespace)


def _arguments(rest: list[str], tool: ScriptedTool) -> str:
    if rest:
        return rest[0]
    return "" if tool.custom else "{}"


def _search(text: str, context: _ScriptContext) -> PlannedOutput:
    if SEARCH not in context.prompt.tools:
        return _say(f"no tool {SEARCH}", context)
    found = evolve(context.directives.build_message(f"found: {text}"), source=SEARCH_RESULT_URL)
    return (ScriptedSearch(text), found), CompletedEnding()


def _think(text: str, context: _ScriptContext) -> PlannedOutput:
    return (
        ScriptedReasoning(context.directives.split_text(text)),
        context.directives.build_message(text),
    ), CompletedEnding()


def _long(text: str, context: _ScriptContext) -> PlannedOutput | None:
    words = _words(text)
    return None if words is None else _say(words, context)


def _slow(text: str, _: _ScriptContext) -> PlannedOutput | None:
    words = _words(text)
    return (
        None
        if words is None
        else ((ScriptedMessage(delta_shapes.split_words(words), SLOW_SECONDS),), CompletedEnding())
    )


def _words(text: str) -> str | None:
    count = parse_natural(text)
    if count is None or count > MAX_WORDS:
        return None
    return " ".join(f"word{position}" for position in range(1, count + 1))


def _fail(text: str, __: _ScriptContext) -> PlannedOutput | None:
    text = text.strip()
    status, _, code = text.partition(" ")
    if parse_natural(status) in _ERROR_STATUSES and (not code or _CODE.fullmatch(code)):
        return (), RejectedEnding(int(status), code or None)
    return ((), FailedEnding(text)) if _CODE.fullmatch(text) else None


def _incomplete(text: str, context: _ScriptContext) -> PlannedOutput | None:
    reason, *rest = re.split(r"\s", text, maxsplit=1)
    if reason not in _INCOMPLETE_REASONS:
        return None
    return (context.directives.build_message("".join(rest)),), IncompleteEnding(reason)


def _cut(text: str, context: _ScriptContext) -> PlannedOutput:
    return (context.directives.build_message(text),), DisconnectedEnding()


def _garble(text: str, context: _ScriptContext) -> PlannedOutput:
    return (context.directives.build_message(text),), GarbledEnding()


def _refuse(text: str, context: _ScriptContext) -> PlannedOutput:
    return (evolve(context.directives.build_message(text), is_refusal=True),), CompletedEnding()


def _stall(text: str, context: _ScriptContext) -> PlannedOutput:
    return (context.directives.build_message(text),), SilentEnding()


def _hang(_: str, __: _ScriptContext) -> PlannedOutput:
    return (), SilentEnding()


def _echo_request(_: str, context: _ScriptContext) -> PlannedOutput:
    return _say(context.prompt.echo.render(), context)


_VERBS: dict[str, Callable[[str, _ScriptContext], PlannedOutput | None]] = {
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
    "seen": _echo_request,
}


def _count_usage(words: int, items: Iterable[ScriptedItem]) -> ScriptedUsage:
    costs = [(item, _cost(item)) for item in items]
    reasoning = sum(cost for item, cost in costs if isinstance(item, ScriptedReasoning))
    return ScriptedUsage(words, 0, sum(cost for _, cost in costs), reasoning)


def _cost(item: ScriptedItem) -> int:
    if isinstance(item, ScriptedCall):
        return -(-len(item.arguments) // _CHARACTERS_PER_TOKEN)
    return sum(delta != "" for delta in item.deltas)
