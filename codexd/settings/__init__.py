"""The one frozen tree of settings; read once (`codexd.configuration`), passed down by branches.

Precedence: argv > environment `CODEXD_*` > TOML > the defaults here. Durations end in `_seconds`, sizes in
`_bytes`. Every field here is a TOML key of the same name in the table of the same name. A field that `repr`
leaves out is a secret and is shown nowhere.
"""

from typing import Literal

from attrs import frozen

from codexd.settings.codex import Codex, Turns
from codexd.settings.dialects import Responses, Tools
from codexd.settings.http import Http
from codexd.settings.models import Model, Models
from codexd.settings.ranges import Bytes, Count, Limit, Range, Seconds, Share
from codexd.settings.upstream import Upstream

__all__ = [
    "Bytes",
    "Codex",
    "Count",
    "Http",
    "Limit",
    "Log",
    "Model",
    "Models",
    "Range",
    "Responses",
    "Seconds",
    "Settings",
    "Share",
    "Tools",
    "Turns",
    "Upstream",
]


@frozen
class Log:
    """What is written: never prompts, outputs or keys.

    Attributes:
        format: lines for a person, or one JSON object a line.
        level: the least severe level that is written.
    """

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warn", "error"] = "info"


@frozen
class Settings:
    """Everything a person can choose.

    Attributes:
        upstream: servers that speak Chat Completions: tables `[[upstream]]`, as many as you like.
    """

    http: Http = Http()
    codex: Codex = Codex()
    turns: Turns = Turns()
    responses: Responses = Responses()
    tools: Tools = Tools()
    models: Models = Models()
    upstream: tuple[Upstream, ...] = ()
    log: Log = Log()
