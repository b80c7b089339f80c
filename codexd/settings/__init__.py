"""The frozen tree of settings, loaded once by `codexd.configuration` and passed down in parts.

Precedence: argv > environment `CODEXD_*` > TOML > the defaults here. Names of durations end in `_seconds`,
names of sizes in `_bytes`. Every field is a TOML key of its name, in the table of its class. A field with
`repr=False` is a secret and is never shown. The `Attributes:` sections are the descriptions in the manual.
"""

from typing import Literal

from attrs import frozen

from codexd.settings.administration import Admin, Maintenance, Page
from codexd.settings.codex import Codex, Turns
from codexd.settings.http import Http
from codexd.settings.images import Images
from codexd.settings.keys import ApiKey, Keys
from codexd.settings.models import ModelAlias, Models
from codexd.settings.observe import Observe
from codexd.settings.otel import Otel
from codexd.settings.queue import Queue
from codexd.settings.ranges import Bytes, Count, Limit, Range, Seconds, Share
from codexd.settings.responses import Responses
from codexd.settings.tools import Tools
from codexd.settings.trace import Trace
from codexd.settings.upstream import Upstream
from codexd.settings.usage import Usage

__all__ = [
    "Admin",
    "ApiKey",
    "Bytes",
    "Codex",
    "Count",
    "Http",
    "Images",
    "Keys",
    "Limit",
    "Log",
    "Maintenance",
    "ModelAlias",
    "Models",
    "Observe",
    "Otel",
    "Page",
    "Queue",
    "Range",
    "Responses",
    "Seconds",
    "Settings",
    "Share",
    "Tools",
    "Trace",
    "Turns",
    "Upstream",
    "Usage",
]


@frozen
class Log:
    """The log, which never contains prompts, outputs or keys.

    Attributes:
        format: `text` lines, or one `json` object per line.
        level: the lowest level that is logged.
        rotate_bytes: the size at which the file of `twistd --logfile` is renamed to `.1`, and a new one begun; 0:
            never, which another program's log rotation needs (docs/logs.md).
    """

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warn", "error"] = "info"
    rotate_bytes: Limit = 1_000_000


@frozen(kw_only=True)
class Settings:
    """All settings.

    Attributes:
        further_codex: the second and further tables `[[codex]]`; `codex` is the first one, or the table `[codex]`.
        key: API keys with a name: tables `[[key]]`, any number. With keys, every request must send one.
        upstream: servers with a Chat Completions API: tables `[[upstream]]`, any number.
    """

    http: Http = Http()
    keys: Keys = Keys()
    key: tuple[ApiKey, ...] = ()
    codex: Codex = Codex()
    further_codex: tuple[Codex, ...] = ()
    turns: Turns = Turns()
    queue: Queue = Queue()
    responses: Responses = Responses()
    usage: Usage = Usage()
    tools: Tools = Tools()
    images: Images = Images()
    models: Models = Models()
    upstream: tuple[Upstream, ...] = ()
    log: Log = Log()
    observe: Observe = Observe()
    trace: Trace = Trace()
    otel: Otel = Otel()
    admin: Admin = Admin()
    page: Page = Page()
    maintenance: Maintenance = Maintenance()

    @property
    def homes(self) -> tuple[Codex, ...]:
        """All tables of Codex, the first one first: a back end with a CODEX_HOME each."""
        return (self.codex, *self.further_codex)
