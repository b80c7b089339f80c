"""Settings of the offered models and their aliases."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Count, Seconds


@frozen(kw_only=True)
class ModelAlias:
    """An alias: a model name that clients may request, and the model it means.

    Attributes:
        name: the model name in requests.
        model: the model it means, by its name at the account or the upstream. Default: the same name.
        effort: the default reasoning effort.
        upstream: the upstream that serves the model. Default: Codex.
        codex: the `[[codex]]` table that serves the model. Default: the first one, or that of the API key.
        fallback: model names to try in this order when the model cannot respond.
        instructions: the instructions for requests that have none.
        max_output_tokens: the maximum number of output tokens of a response.
        profile: `plain` is the model alone; `agent` is Codex with its own prompt, shell and workspace.
        workspace: the agent's working directory (agent only).
        sandbox: what the agent may change: nothing, its workspace, or nearly everything (agent only). In each, codexd's
            own files and Codex's login are hidden from it.
    """

    name: str
    model: str | None = None
    effort: str | None = None
    upstream: str | None = None
    codex: str | None = None
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
        alias: model aliases: tables `[[models.alias]]`, any number.
        refresh_seconds: how often the account's list of models is refreshed.
        pass_unlisted: pass unlisted model names to Codex instead of returning status 404.
    """

    alias: tuple[ModelAlias, ...] = ()
    refresh_seconds: Seconds = 300.0
    pass_unlisted: bool = False
