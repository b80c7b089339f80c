"""A thread of the fake app-server: its settings, the history its model sees, its token usage."""

from collections.abc import Iterable, Iterator
from itertools import count

from attrs import define, field, frozen

from codexd.scripted.answer_plan import ScriptedUsage
from codexd.wire import json
from codexd.wire.json import Json

KNOWN_ITEMS = frozenset(("message", "reasoning", "function_call", "function_call_output", "web_search_call"))
CHECKPOINT = "You are performing a CONTEXT CHECKPOINT COMPACTION."
HANDOVER = "Another language model started to solve this problem: "
COMPACTION_THRESHOLD = 0.9
BYTES_PER_TOKEN = 4


@frozen(kw_only=True)
class AppServerBehaviour:
    """The choices where the real app-server was observed to do one thing or the other.

    Attributes:
        starts_first: `turn/started` comes before the reply to `turn/start`.
        calls_together: all calls of a response are requested at once, not one after another.
        calls_early: the first `item/tool/call` comes before `rawResponse/completed`.
        calls_reversed: the calls are requested last first.
        loses: methods of notifications that are lost.
        sources: the AGENTS.md files shown to the model.
        window: the model's context window, in tokens.
    """

    starts_first: bool = False
    calls_together: bool = False
    calls_early: bool = False
    calls_reversed: bool = False
    loses: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    window: int = 258_400


DEFAULT_BEHAVIOUR = AppServerBehaviour()


def message(role: str, text: str) -> Json:
    """Build a raw message item."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


@define
class ServerThread:
    """One loaded thread.

    Attributes:
        start: the params of its `thread/start`.
        settings: model, effort and service tier; each turn's settings stay for the next.
        history: the raw items that its model sees, without instructions.
        subscribed: the client receives its notifications.
    """

    id: str
    start: Json
    behaviour: AppServerBehaviour
    settings: dict[str, Json] = field(init=False)
    history: list[Json] = field(factory=list, init=False)
    subscribed: bool = field(default=True, init=False)
    total: Json = field(init=False)
    last: Json = field(init=False)
    _injections: Iterator[int] = field(factory=count, init=False)
    _unseen_bytes: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.settings = {"model": self.start["model"], "effort": "low", "serviceTier": None}
        self.total = self.last = NOTHING

    def set(self, params: Json) -> None:
        """Apply the settings of a turn."""
        self.settings |= {name: params[name] for name in self.settings if params.get(name) is not None}

    def inject(self, items: list[Json]) -> Iterator[Json]:
        """Add items and yield their echoes; unknown items and system messages never reach the model."""
        turn_id = f"auto-compact-{next(self._injections)}"
        for item in items:
            known = item.get("type") in KNOWN_ITEMS
            if known and item.get("role") != "system":
                self.add(item)
            yield {"threadId": self.id, "turnId": turn_id, "item": item if known else {"type": "other"}}

    def add(self, *items: Json) -> None:
        """Add items that the model has not seen."""
        self.history += items
        self._unseen_bytes += sum(len(json.encode(item)) for item in items)

    def add_output(self, items: Iterable[Json], usage: ScriptedUsage) -> None:
        """Add the model's output and its usage."""
        self.history += items
        self.last = tokens(usage)
        self.total = {name: self.total[name] + number for name, number in self.last.items()}
        self._unseen_bytes = 0

    def fill(self) -> None:
        """Mark the context window as full, as the provider reported."""
        self.last = self.total = {**NOTHING, "totalTokens": self.behaviour.window}

    @property
    def usage(self) -> Json:
        """The `tokenUsage` of `thread/tokenUsage/updated`."""
        return {"total": self.total, "last": self.last, "modelContextWindow": self.behaviour.window}

    @property
    def overfull(self) -> bool:
        """Whether the history must be compacted; never before the first answer."""
        used = self.last["totalTokens"]
        filled = used + self._unseen_bytes // BYTES_PER_TOKEN
        return used > 0 and filled > COMPACTION_THRESHOLD * self.behaviour.window

    def compact(self, summary: str) -> None:
        """Replace everything but the user messages with a summary."""
        users = [item for item in self.history if item.get("role") == "user"]
        self.history = [*users, message("user", HANDOVER + summary)]
        self.last = tokens(ScriptedUsage(len(summary) // BYTES_PER_TOKEN, 0, 0, 0))
        self._unseen_bytes = 0

    def body(self, schema: Json = None) -> Json:
        """Build the request body that its model's provider receives."""
        heads = (self.start.get("baseInstructions"), self.start.get("developerInstructions"))
        text = {}
        if (verbosity := self.start.get("config", {}).get("model_verbosity")) is not None:
            text["verbosity"] = verbosity
        if schema is not None:
            text["format"] = {
                "type": "json_schema",
                "strict": True,
                "schema": schema,
                "name": "codex_output_schema",
            }
        return {
            "model": self.settings["model"],
            "input": [*(message("developer", head) for head in heads if head), *self.history],
            "tools": [
                *(_tool(tool) for tool in self.start.get("dynamicTools") or ()),
                *_searches(self.start.get("config", {})),
            ],
            "tool_choice": "auto",
            "reasoning": {"effort": self.settings["effort"]},
            "text": text or None,
            "service_tier": self.settings["serviceTier"],
        }


def tokens(usage: ScriptedUsage) -> Json:
    """Convert a provider's usage to the app-server's."""
    return {
        "totalTokens": usage.total_tokens,
        "inputTokens": usage.input_tokens,
        "cachedInputTokens": usage.cached_tokens,
        "cacheWriteInputTokens": 0,
        "outputTokens": usage.output_tokens,
        "reasoningOutputTokens": usage.reasoning_tokens,
    }


NOTHING = tokens(ScriptedUsage(0, 0, 0, 0))


def _searches(config: Json) -> list[Json]:
    """Return the hosted search tool with its restrictions, if the thread has one."""
    mode = config.get("web_search", "disabled")
    if mode == "disabled":
        return []
    given = {name: config.get(f"tools.web_search.{name}") for name in _SEARCHES}
    held = {_SEARCHES[name]: value for name, value in given.items() if value is not None}
    if "filters" in held:
        held["filters"] = {"allowed_domains": held["filters"]}
    if "user_location" in held:
        held["user_location"] = {"type": "approximate", **held["user_location"]}
    kinds = ["text", "image"]
    return [
        {
            "type": "web_search",
            "external_web_access": mode == "live",
            **held,
            "search_content_types": kinds,
        }
    ]


_SEARCHES = {
    "allowed_domains": "filters",
    "location": "user_location",
    "context_size": "search_context_size",
}


def _tool(tool: Json) -> Json:
    if tool["type"] == "namespace":
        return {**tool, "tools": [_tool(inner) for inner in tool["tools"]]}
    return {
        "type": "function",
        "name": tool["name"],
        "description": tool["description"],
        "strict": False,
        "parameters": tool["inputSchema"],
    }
