"""Settings of the offered models and their aliases."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Count, Seconds


@frozen
class ModelAlias:
    """An alias: a model name that clients may request, and the model it means.

    Attributes:
        name: what clients ask for.
        model: the model it stands for, as the account or the upstream calls it; left out, the same name.
        effort: default reasoning effort.
        upstream: the upstream that has it; left out, Codex.
        fallback: names to try in its place, in order, when it cannot answer.
        instructions: what the model is told where a request tells it nothing.
        max_output_tokens: the most output tokens of an answer.
        profile: `plain` is the bare model; `agent` is Codex with its own prompt, shell and workspace.
        workspace: the agent's directory (agent only).
        sandbox: what the agent may do there (agent only).
    """

    name: str
    model: str | None = None
    effort: str | None = None
    upstream: str | None = None
    fallback: tuple[str, ...] = ()
    instructions: str | None = None
    max_output_tokens: Count | None = None
    profile: Literal["plain", "agent"] = "plain"
    workspace: str | None = None
    sandbox: Literal["read-only", "workspace-write", "danger-full-access"] = "read-only"


@frozen
class Models:
    """The offered models.

    Attributes:
        alias: the aliases: tables `[[models.alias]]`, as many as you like.
        refresh_seconds: how often the account's list is read again.
        any: pass unknown model names on instead of answering 404.
    """

    alias: tuple[ModelAlias, ...] = ()
    refresh_seconds: Seconds = 300.0
    any: bool = False
