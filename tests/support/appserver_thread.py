"""A thread of the fake app-server: how it was set up, what its model sees, how full it is."""

from collections.abc import Iterable, Iterator
from itertools import count

from attrs import define, field, frozen

from codexd.scripted.plan import Usage
from codexd.wire import json
from codexd.wire.json import Json

KNOWN_ITEMS = frozenset(("message", "reasoning", "function_call", "function_call_output", "web_search_call"))
CHECKPOINT = "You are performing a CONTEXT CHECKPOINT COMPACTION."
HANDOVER = "Another language model started to solve this problem: "
COMPACTS_AT = 0.9
BYTES_A_TOKEN = 4


@frozen
class Habits:
    """What the app-server was seen to do one way or the other.

    Attributes:
        starts_first: `turn/started` comes before the reply to `turn/start`.
        calls_at_once: all calls of a response are pending together, else one after another is answered.
        calls_early: the first `item/tool/call` comes before `rawResponse/completed`.
        calls_backwards: the last call is asked for first.
        loses: methods of notifications that get lost.
        sources: AGENTS.md files it shows the model.
        window: tokens of the model's context window.
    """

    starts_first: bool = False
    calls_at_once: bool = False
    calls_early: bool = False
    calls_backwards: bool = False
    loses: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    window: int = 258_400


USUAL = Habits()


def message(role: str, text: str) -> Json:
    """Make a raw message item."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


@define
class Thread:
    """One loaded thread.

    Attributes:
        start: the params of its `thread/start`.
        settings: model, effort and service tier: what a turn sets stays set for the next.
        history: the raw items its model sees, instructions aside.
        subscribed: somebody is told what happens.
    """

    id: str
    start: Json
    habits: Habits
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
        """Take what a turn sets."""
        self.settings |= {name: params[name] for name in self.settings if params.get(name) is not None}

    def inject(self, items: list[Json]) -> Iterator[Json]:
        """Take items into the history; give the echoes. What is of no use never reaches the model."""
        turn_id = f"auto-compact-{next(self._injections)}"
        for item in items:
            known = item.get("type") in KNOWN_ITEMS
            if known and item.get("role") != "system":
                self.add(item)
            yield {"threadId": self.id, "turnId": turn_id, "item": item if known else {"type": "other"}}

    def add(self, *items: Json) -> None:
        """Take items that the model has not seen."""
        self.history += items
        self._unseen_bytes += sum(len(json.encode(item)) for item in items)

    def said(self, items: Iterable[Json], usage: Usage) -> None:
        """Take what the model said, and count it."""
        self.history += items
        self.last = tokens(usage)
        self.total = {name: self.total[name] + number for name, number in self.last.items()}
        self._unseen_bytes = 0

    def fill(self) -> None:
        """Note that the window is full: the provider said so."""
        self.last = self.total = {**NOTHING, "totalTokens": self.habits.window}

    @property
    def usage(self) -> Json:
        """What `thread/tokenUsage/updated` tells."""
        return {"total": self.total, "last": self.last, "modelContextWindow": self.habits.window}

    @property
    def overfull(self) -> bool:
        """Whether the history is going to be replaced by a summary; a thread never asked is not measured."""
        used = self.last["totalTokens"]
        filled = used + self._unseen_bytes // BYTES_A_TOKEN
        return used > 0 and filled > COMPACTS_AT * self.habits.window

    def compact(self, summary: str) -> None:
        """Forget everything but what users said; the summary stands for the rest."""
        users = [item for item in self.history if item.get("role") == "user"]
        self.history = [*users, message("user", HANDOVER + summary)]
        self.last = tokens(Usage(len(summary) // BYTES_A_TOKEN, 0, 0, 0))
        self._unseen_bytes = 0

    def body(self, schema: Json = None) -> Json:
        """Make the request its model's provider gets."""
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


def tokens(usage: Usage) -> Json:
    """Make the child's figures of the provider's."""
    return {
        "totalTokens": usage.total_tokens,
        "inputTokens": usage.input_tokens,
        "cachedInputTokens": usage.cached_tokens,
        "cacheWriteInputTokens": 0,
        "outputTokens": usage.output_tokens,
        "reasoningOutputTokens": usage.reasoning_tokens,
    }


NOTHING = tokens(Usage(0, 0, 0, 0))


def _searches(config: Json) -> list[Json]:
    """Give the hosted search, if the thread has one; its live and its stored web, and what it is held to."""
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
