"""What the child asks of us besides tool results, and the answer each gets: none is left hanging.

Approvals are declined: a thread is started with `approvalPolicy: never`, so that being asked at all is an
exception, and there is nobody at the keyboard.
"""

from typing import Final

from codexd.wire.json import Json

UNKNOWN_METHOD: Final = -32601

_DENIED: Final = {"denied": {"rejection": "Nobody is there to approve it."}}

ANSWERS: Final[dict[str, Json]] = {
    "item/commandExecution/requestApproval": {"decision": "decline"},
    "item/fileChange/requestApproval": {"decision": "decline"},
    "execCommandApproval": {"decision": _DENIED},
    "applyPatchApproval": {"decision": _DENIED},
    "mcpServer/elicitation/request": {"action": "decline", "content": None},
}


def policy(method: str) -> Json | None:
    """Give the fixed answer to a request of the child's; None means it is refused as unknown."""
    return ANSWERS.get(method)
