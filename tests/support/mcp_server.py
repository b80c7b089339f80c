"""A small MCP server on stdio for live tests: `python -m tests.support.mcp_server [LOG]`.

Its tool `shout` returns its text in capitals; `look` returns a picture of one pixel. Each call of a tool is appended to
LOG as one line of JSON.
Source: Model Context Protocol, JSON-RPC messages of one line each.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from codexd.wire import json

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG picture of one pixel, in base64."""

_TEXT_SCHEMA: Final = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
_TOOLS: Final[list[dict[str, Any]]] = [
    {"name": "shout", "description": "Return the text in capitals.", "inputSchema": _TEXT_SCHEMA},
    {"name": "look", "description": "Return a picture.", "inputSchema": {"type": "object", "properties": {}}},
]


def _initialize(params: dict[str, Any]) -> dict[str, Any]:
    return {
        "protocolVersion": params.get("protocolVersion", "2025-06-18"),
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "tiny", "version": "1"},
    }


def _call(params: dict[str, Any]) -> dict[str, Any]:
    if params["name"] == "look":
        return {"content": [{"type": "image", "data": PIXEL, "mimeType": "image/png"}]}
    return {"content": [{"type": "text", "text": str(params["arguments"]["text"]).upper()}]}


_METHODS: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "initialize": _initialize,
    "ping": lambda _: {},
    "tools/list": lambda _: {"tools": _TOOLS},
    "tools/call": _call,
}


def answer(message: dict[str, Any]) -> dict[str, Any] | None:
    """Return the response to a message; notifications have none."""
    if "id" not in message:
        return None
    method = _METHODS.get(message["method"])
    head = {"jsonrpc": "2.0", "id": message["id"]}
    if method is None:
        return head | {"error": {"code": -32601, "message": "Method not found"}}
    return head | {"result": method(message.get("params") or {})}


def main(log: str | None = None) -> None:
    """Serve until the standard input ends."""
    for line in sys.stdin:
        message = json.decode(line)
        if log is not None and message.get("method") == "tools/call":
            with Path(log).open("a") as calls:
                calls.write(json.encode(message["params"]).decode() + "\n")
        reply = answer(message)
        if reply is not None:
            print(json.encode(reply).decode(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
