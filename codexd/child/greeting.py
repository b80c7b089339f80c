"""The handshake with a fresh child, and what it tells (`initialize`, `config/read`, `model/list`)."""

from typing import Any

from attrs import frozen

from codexd import __version__
from codexd.backs import bindings as b
from codexd.child.peer import Peer
from codexd.policy.catalog import Offer

MAX_PAGES = 32
"""Pages of models read at most, whatever the child says."""


@frozen
class Greeting:
    """What a child tells of itself.

    Attributes:
        offers: the models of its account.
        mcp_servers: names of the MCP servers its CODEX_HOME configures.
        home_verbosity: its CODEX_HOME sets a verbosity.
    """

    offers: tuple[Offer, ...]
    mcp_servers: tuple[str, ...]
    home_verbosity: bool = False


async def greet(peer: Peer) -> Greeting:
    """Shake hands with a child.

    Raises:
        Refused: when it does not answer in time.
        Unexpected: when it answers what no known app-server does.
    """
    info = b.ClientInfo("codexd", __version__)
    await peer.call(b.Initialize(info, b.Capabilities(optOutNotificationMethods=b.SILENCED)))
    peer.notify("initialized")
    config = _config(await peer.call(b.ConfigRead()))
    servers = config.get("mcp_servers")
    names = tuple(servers) if isinstance(servers, dict) else ()
    return Greeting(await offers(peer), names, config.get("model_verbosity") is not None)


async def offers(peer: Peer) -> tuple[Offer, ...]:
    """Read the account's models, page by page (raises as `greet`)."""
    found: list[Offer] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = b.structure(await peer.call(b.ModelList(cursor)), b.ModelPage)
        found += (
            Offer(model.id, tuple(e.reasoningEffort for e in model.supportedReasoningEfforts), model.hidden)
            for model in page.data
        )
        cursor = page.nextCursor
        if cursor is None:
            break
    return tuple(found)


def _config(result: Any) -> dict[str, Any]:
    config = result.get("config") if isinstance(result, dict) else None
    return config if isinstance(config, dict) else {}
