"""The request members that a Response repeats: all are present, with OpenAI's defaults."""

from itertools import groupby

from attrs import asdict

from codexd.fronts.responses.objects import Echo
from codexd.fronts.responses.state import StateOptions
from codexd.neutral.records import frozen
from codexd.neutral.turn import CallKind, ReasoningOptions, ResponseFormat, Tool, ToolChoice, Turn, WebSearch
from codexd.wire.json import Json, encode, fragment


@frozen(kw_only=True)
class EchoedFields:
    """Request fields that a Response repeats and that are not part of the neutral Turn."""

    state: StateOptions
    metadata: tuple[tuple[str, str], ...] = ()
    truncation: str = "disabled"
    top_logprobs: int = 0
    max_tool_calls: int | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    user: str | None = None
    include_encrypted: bool = False


def build_echo(turn: Turn, declared: tuple[Tool, ...], extras: EchoedFields) -> Echo:
    """Encode the repeated members once.

    Args:
        turn: the decoded request.
        declared: the tools of its `tools`; the turn has those of its items, too.
        extras: the fields that the turn does not have.
    """
    drawn = turn.sampling
    members = {
        "instructions": turn.instructions,
        "tools": tools(declared) + _search(turn.web_search),
        "tool_choice": _choice(turn.tool_choice, declared),
        "parallel_tool_calls": turn.parallel_tool_calls,
        "text": _text(turn),
        "reasoning": _reasoning(turn.reasoning),
        "temperature": _or(drawn.temperature, 1.0),
        "top_p": _or(drawn.top_p, 1.0),
        "presence_penalty": _or(drawn.presence_penalty, 0.0),
        "frequency_penalty": _or(drawn.frequency_penalty, 0.0),
        "max_output_tokens": drawn.max_tokens,
        "service_tier": _tier(turn),
        "metadata": dict(extras.metadata),
        "truncation": extras.truncation,
        "top_logprobs": extras.top_logprobs,
        "max_tool_calls": extras.max_tool_calls,
        "safety_identifier": extras.safety_identifier,
        "prompt_cache_key": extras.prompt_cache_key,
        "user": extras.user,
    }
    return Echo(encode(members | _state(extras.state)), extras.include_encrypted)


def _state(state: StateOptions) -> dict[str, Json]:
    return {
        "store": state.store,
        "background": state.background,
        "previous_response_id": state.previous,
        "conversation": None if state.conversation is None else {"id": state.conversation},
    }


def _reasoning(asked: ReasoningOptions) -> Json:
    """Build the repeated reasoning options; Codex writes `none` for no summary, OpenAI null."""
    return {"effort": asked.effort, "summary": None if asked.summary == "none" else asked.summary}


def _tier(turn: Turn) -> str:
    """Return the tier, which a response never calls `auto`: that leaves the choice to the provider."""
    return "default" if turn.service_tier in (None, "auto") else str(turn.service_tier)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def tools(offered: tuple[Tool, ...]) -> list[Json]:
    """Build tools in request shape; those of a namespace are grouped in it again."""
    shown: list[Json] = []
    for namespace, group in groupby(offered, lambda tool: (tool.namespace, tool.namespace_description)):
        name, description = namespace
        flat = [_tool(tool) for tool in group]
        together = {"type": "namespace", "name": name, "description": description, "tools": flat}
        shown += flat if name is None else [together]
    return shown


def _tool(tool: Tool) -> Json:
    if tool.kind == "tool_search":
        members = {"description": tool.description or None, "parameters": fragment(tool.parameters)}
        return {"type": tool.kind, "execution": "client", **members}
    head = {"type": tool.kind, "name": tool.name, "description": tool.description or None}
    if tool.kind == "custom":
        return head | {"format": {"type": "text"} if tool.grammar is None else fragment(tool.grammar)}
    return head | {"parameters": fragment(tool.parameters), "strict": tool.strict}


def _search(offered: WebSearch | None) -> list[Json]:
    """Build the provider's web search as a tool, if it is offered (OpenAI `WebSearchTool`)."""
    if offered is None:
        return []
    shown: dict[str, Json] = {
        "type": "web_search",
        "filters": {"allowed_domains": list(offered.domains)} if offered.domains else None,
        "search_context_size": offered.context_size or "medium",
        "user_location": None
        if offered.user_location is None
        else {"type": "approximate", **asdict(offered.user_location)},
    }
    return [shown if offered.live else shown | {"external_web_access": False}]


def _choice(choice: ToolChoice, offered: tuple[Tool, ...]) -> Json:
    if not choice.names:
        return choice.mode
    kinds = {tool.name: tool.kind for tool in offered}
    named = [_named(kinds.get(name, "function"), name) for name in choice.names]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": named}


def _named(kind: CallKind, name: str) -> Json:
    return {"type": kind} if kind == "tool_search" else {"type": kind, "name": name}


def _text(turn: Turn) -> Json:
    shown = {"format": _format(turn.format)}
    return shown if turn.verbosity is None else shown | {"verbosity": turn.verbosity}


def _format(asked: ResponseFormat) -> Json:
    if asked.kind != "json_schema":
        return {"type": asked.kind}
    return {
        "type": "json_schema",
        "name": asked.name or "response",
        "description": asked.description,
        "schema": None if asked.schema is None else fragment(asked.schema),
        "strict": bool(asked.strict),
    }
