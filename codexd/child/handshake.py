"""Handshake with a new child: `initialize`, `config/read`, `model/list`."""

from typing import Any

from attrs import frozen

from codexd import __version__
from codexd.backs import bindings as b
from codexd.child.peer import Peer
from codexd.policy.catalog import AccountModel

MAX_PAGES = 32
"""Pages of `model/list` that are read at most."""


@frozen
class ServerInfo:
    """Facts a child reports during the handshake.

    Attributes:
        models: the models of its account.
        mcp_servers: names of the MCP servers configured in its CODEX_HOME.
        home_verbosity: its CODEX_HOME sets a verbosity.
    """

    models: tuple[AccountModel, ...]
    mcp_servers: tuple[str, ...]
    home_verbosity: bool = False


async def perform_handshake(peer: Peer) -> ServerInfo:
    """Initialize a child and read its configuration and models.

    Raises:
        FaultError: when a call fails or is not answered in time.
        UnexpectedShapeError: when a result does not have the shape of a known app-server's.
    """
    info = b.ClientInfo("codexd", __version__)
    await peer.call(b.Initialize(info, b.Capabilities(optOutNotificationMethods=b.OPTED_OUT_NOTIFICATIONS)))
    peer.notify("initialized")
    config = _config(await peer.call(b.ConfigRead()))
    servers = config.get("mcp_servers")
    names = tuple(servers) if isinstance(servers, dict) else ()
    return ServerInfo(await list_models(peer), names, config.get("model_verbosity") is not None)


async def list_models(peer: Peer) -> tuple[AccountModel, ...]:
    """Read the account's models, page by page; raises as `perform_handshake`."""
    models: list[AccountModel] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = b.structure(await peer.call(b.ModelList(cursor)), b.ModelPage)
        models += (
            AccountModel(model.id, tuple(e.reasoningEffort for e in model.supportedReasoningEfforts), model.hidden)
            for model in page.data
        )
        cursor = page.nextCursor
        if cursor is None:
            break
    return tuple(models)


def _config(result: Any) -> dict[str, Any]:
    config = result.get("config") if isinstance(result, dict) else None
    return config if isinstance(config, dict) else {}
