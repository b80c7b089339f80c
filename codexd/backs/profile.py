"""How a thread is set up: the bare model (plain), or Codex with its own prompt and tools (agent).

The plain profile shows the provider the client's instructions, history and tools and nothing else. It takes
three things together: this `config`, `environments: []`, and a model catalog with Codex's own tools taken
out, which only a start flag of the child can give (`codexd.backs.catalog`).
"""

from typing import Final

from attrs import asdict, frozen

from codexd.backs.bindings import ThreadStart, TurnStart
from codexd.backs.items import dynamic_tools, raw_items
from codexd.neutral.turn import Item, Message, TextPart, Turn, WebSearch
from codexd.wire import json
from codexd.wire.json import Json

_PLAIN: Final[dict[str, Json]] = {
    "features.shell_tool": False,
    "features.unified_exec": False,
    "features.goals": False,
    "features.multi_agent": False,
    "features.view_image": False,
    "features.sleep_tool": False,
    "features.apps": False,
    "features.plugins": False,
    "features.hooks": False,
    "features.memories": False,
    "features.image_generation": False,
    "web_search": "disabled",
    "include_environment_context": False,
    "include_permissions_instructions": False,
    "include_collaboration_mode_instructions": False,
    "include_apps_instructions": False,
    "skills.include_instructions": False,
    "tools.experimental_request_user_input.enabled": False,
    "project_doc_max_bytes": 0,
    # Off, unless the home turns them on.
    "features.code_mode": False,
    "features.code_mode_only": False,
    "features.current_time_reminder": False,
    "features.deferred_executor": False,
    "features.multi_agent_v2": False,
    "features.rollout_budget": False,
    "features.send_message_to_user_async": False,
    "features.stable_environment_tools": False,
    "features.token_budget": False,
}

# OpenAI's names for leaving the tier to the account, which is what the child does unasked.
_USUAL_TIERS: Final = frozenset(("auto", "default"))


@frozen
class Profile:
    """A way to set up threads.

    Attributes:
        agent: Codex's own prompt and tools, or the bare model.
        cwd: the thread's working directory.
        sandbox: what an agent may do there (`sandbox_mode`).
        mcp_servers: names configured in CODEX_HOME, which the plain profile must switch off by name.
        home_verbosity: CODEX_HOME sets a verbosity. A thread can't unset it: the plain profile asks for
            OpenAI's default instead, for models that take one.
    """

    agent: bool
    cwd: str
    sandbox: str = "read-only"
    mcp_servers: tuple[str, ...] = ()
    home_verbosity: bool = False


def thread_start(turn: Turn, profile: Profile) -> ThreadStart:
    """Give the `thread/start` for a conversation of this turn's kind."""
    config: dict[str, Json] = {} if profile.agent else _plain_config(profile)
    if turn.verbosity is not None:
        config["model_verbosity"] = turn.verbosity
    if turn.web_search is not None:
        config |= _web_search(turn.web_search)
    return ThreadStart(
        ephemeral=True,
        experimentalRawEvents=True,
        model=turn.model,
        cwd=profile.cwd,
        approvalPolicy="never",
        sandbox=profile.sandbox,
        config=config,
        dynamicTools=dynamic_tools(turn.offered),
        # An agent keeps Codex's own prompt; what the client asks is said on top of it.
        baseInstructions=None if profile.agent else turn.instructions or "",
        developerInstructions=turn.instructions if profile.agent else "",
        environments=None if profile.agent else (),
    )


def _web_search(asked: WebSearch) -> dict[str, Json]:
    place = asked.place
    said: dict[str, Json] = {
        "context_size": asked.context_size,
        "allowed_domains": list(asked.domains) or None,
        "location": None if place is None else asdict(place, filter=lambda _, value: value is not None),
    }
    wanted = {f"tools.web_search.{name}": value for name, value in said.items() if value is not None}
    return {"web_search": "live" if asked.live else "cached", **wanted}


def _plain_config(profile: Profile) -> dict[str, Json]:
    off: dict[str, Json] = {f"mcp_servers.{name}.enabled": False for name in profile.mcp_servers}
    if profile.home_verbosity:
        off["model_verbosity"] = "medium"
    return _PLAIN | off


def shown(turn: Turn, items: tuple[Item, ...]) -> tuple[Json, ...]:
    """Give a history, or the rest of one, as `thread/inject_items` takes it for this turn.

    Raises:
        Refused: when the model cannot be shown one of them.
    """
    return raw_items((*items, *obligations(turn)))


def turn_start(thread_id: str, turn: Turn) -> TurnStart:
    """Give the `turn/start` that lets the model answer what was injected."""
    schema = turn.format.schema
    return TurnStart(
        thread_id,
        model=turn.model,
        effort=turn.thinking.effort,
        summary=turn.thinking.summary,
        outputSchema=None if schema is None else json.fragment(schema),
        serviceTier=None if turn.service_tier in _USUAL_TIERS else turn.service_tier,
    )


def obligations(turn: Turn) -> tuple[Message, ...]:
    """Give, as the last developer message, what the child's protocol cannot force on the model."""
    demands = []
    if turn.tool_choice.mode == "required":
        names = ", ".join(tool.name for tool in turn.offered)
        demands.append(f"You must answer by calling one of these tools and nothing else: {names}.")
    if turn.format.kind == "json_object":
        demands.append("Answer with exactly one valid JSON object and nothing else.")
    return (Message("developer", (TextPart(" ".join(demands)),)),) if demands else ()
