"""Builds the params that set up a thread: the bare model (plain), or Codex with its prompt and tools (agent).

The plain profile sends the provider the client's instructions, history and tools and nothing else. This needs
three things together: this `config`, `environments: []`, and a model catalog without Codex's own tools, which
only a start flag of the child can set (`codexd.backs.codex_catalog`).
"""

from typing import Final

from attrs import asdict

from codexd.backs.bindings import ThreadStart, TurnStart
from codexd.backs.items import encode_dynamic_tools, encode_items
from codexd.backs.permission_profile import name_profile
from codexd.backs.reserved_names import ChildNames
from codexd.neutral.records import frozen
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
    # Codex would cut the tool results of models that are not in its catalog at about 12,000 characters.
    "tool_output_token_limit": 100_000_000,
    # Off by default, but CODEX_HOME can turn them on.
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

# OpenAI's names for the account's own tier, which the child uses by default.
_DEFAULT_TIERS: Final = frozenset(("auto", "default"))


@frozen(kw_only=True)
class Profile:
    """Settings for starting threads.

    Attributes:
        agent: use Codex's own prompt and tools; False is the bare model.
        cwd: the thread's working directory.
        sandbox: what an agent may do in `cwd`; with `cwd` it determines its permission profile.
        mcp_servers: names configured in CODEX_HOME; the plain profile must disable each by name.
        home_verbosity: CODEX_HOME sets a verbosity. A thread cannot unset it, so the plain profile sets
            OpenAI's default instead, for models that have a verbosity.
    """

    agent: bool
    cwd: str
    sandbox: str = "read-only"
    mcp_servers: tuple[str, ...] = ()
    home_verbosity: bool = False


def build_thread_start(turn: Turn, profile: Profile) -> ThreadStart:
    """Build the params of `thread/start` for this turn."""
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
        sandbox=None if profile.agent else profile.sandbox,
        permissions=name_profile(profile.cwd, profile.sandbox) if profile.agent else None,
        config=config,
        dynamicTools=encode_dynamic_tools(turn.visible_tools),
        # An agent keeps Codex's own prompt; the client's instructions are added to it.
        baseInstructions=None if profile.agent else turn.instructions or "",
        developerInstructions=turn.instructions if profile.agent else "",
        environments=None if profile.agent else (),
    )


def _web_search(search: WebSearch) -> dict[str, Json]:
    place = search.user_location
    options: dict[str, Json] = {
        "context_size": search.context_size,
        "allowed_domains": list(search.domains) or None,
        "location": None if place is None else asdict(place, filter=lambda _, value: value is not None),
    }
    config = {f"tools.web_search.{name}": value for name, value in options.items() if value is not None}
    return {"web_search": "live" if search.live else "cached", **config}


def _plain_config(profile: Profile) -> dict[str, Json]:
    overrides: dict[str, Json] = {f"mcp_servers.{name}.enabled": False for name in profile.mcp_servers}
    if profile.home_verbosity:
        overrides["model_verbosity"] = "medium"
    return _PLAIN | overrides


def encode_history(turn: Turn, items: tuple[Item, ...]) -> tuple[Json, ...]:
    """Encode a history, or the new part of one, for `thread/inject_items`, with the turn's requirements last.

    Raises:
        FaultError: when the child has no form for an item.
    """
    return encode_items((*items, *build_requirements(turn)), ChildNames(turn.visible_tools))


def build_turn_start(thread_id: str, turn: Turn) -> TurnStart:
    """Build the params of `turn/start`: the model responds to the injected history."""
    schema = turn.format.schema
    return TurnStart(
        threadId=thread_id,
        model=turn.model,
        effort=turn.reasoning.effort,
        summary=turn.reasoning.summary,
        outputSchema=None if schema is None else json.fragment(schema),
        serviceTier=None if turn.service_tier in _DEFAULT_TIERS else turn.service_tier,
    )


def build_requirements(turn: Turn) -> tuple[Message, ...]:
    """Return a developer message that asks for what the child's protocol cannot enforce, or nothing.

    These are a required tool call and the format `json_object`.
    """
    requirements = []
    if turn.tool_choice.mode == "required":
        names = ChildNames(turn.visible_tools)
        listed = ", ".join(names.encode(tool.namespace, tool.name)[1] for tool in turn.visible_tools)
        requirements.append(f"You must answer by calling one of these tools and nothing else: {listed}.")
    if turn.format.kind == "json_object":
        requirements.append("Answer with exactly one valid JSON object and nothing else.")
    return (Message(role="developer", parts=(TextPart(" ".join(requirements)),)),) if requirements else ()
