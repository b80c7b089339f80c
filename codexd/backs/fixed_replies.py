"""The fixed replies to the child's requests other than tool calls. Every request gets a reply.

Approvals are declined: codexd starts threads with `approvalPolicy: never`, so the child should not request
any, and no user is present to grant one.
"""

from typing import Final

from codexd.wire.json import Json

METHOD_NOT_FOUND: Final = -32601
"""The JSON-RPC 2.0 error code for an unknown method."""

_DENIED: Final = {"denied": {"rejection": "No user is present to approve it."}}

FIXED_REPLIES: Final[dict[str, Json]] = {
    "item/commandExecution/requestApproval": {"decision": "decline"},
    "item/fileChange/requestApproval": {"decision": "decline"},
    "execCommandApproval": {"decision": _DENIED},
    "applyPatchApproval": {"decision": _DENIED},
    "mcpServer/elicitation/request": {"action": "decline", "content": None},
}


def find_fixed_reply(method: str) -> Json | None:
    """Return the result for a request of the child; None means that the method is unknown."""
    return FIXED_REPLIES.get(method)
