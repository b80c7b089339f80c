"""Response bodies of stored responses."""

from collections.abc import Collection, Iterator
from typing import Any, Final

from attrs import evolve

from codexd.fronts import errors
from codexd.fronts.responses import objects
from codexd.neutral.fault import Fault, fault
from codexd.neutral.stored import StoredItem, StoredResponse
from codexd.wire.json import decode, encode
from codexd.wire.provider_state import is_state

ENCRYPTED_REASONING: Final = "reasoning.encrypted_content"
"""The `include` that shows the encrypted originals of reasoning."""

_ENCRYPTED_CONTENT: Final = "encrypted_content"
_REWRITTEN: Final = (b'"encrypted_content"', b'"input_image"')


def render_stored(stored: StoredResponse, include: Collection[str] = ()) -> bytes:
    """Render a Response (`GET /v1/responses/{id}`), as its client got it with the same `include`.

    Args:
        stored: the response.
        include: OpenAI's `include`; of its values only encrypted reasoning is stored.
    """
    return objects.assemble_response(stored.body, (render_item(one, include) for one in stored.output))


def render_item(stored: StoredItem, include: Collection[str] = ()) -> bytes:
    """Render one item: encrypted reasoning only if `include` names it, images with their detail."""
    if not any(mark in stored.body for mark in _REWRITTEN):
        return stored.body
    members = decode(stored.body)
    if members["type"] == "reasoning" and ENCRYPTED_REASONING not in include:
        encrypted = members.get(_ENCRYPTED_CONTENT)
        if not (isinstance(encrypted, str) and is_state(encrypted)):
            members.pop(_ENCRYPTED_CONTENT, None)
    for part in _parts(members):
        if part.get("type") == "input_image" and part.get("detail") is None:
            part["detail"] = "auto"
    return encode(members)


def _parts(members: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts of a message or a tool output; unknown shapes have none."""
    for held in (members.get("content"), members.get("output")):
        if isinstance(held, list):
            yield from (part for part in held if isinstance(part, dict))


def render_deleted(id: str) -> bytes:
    """Render the response to `DELETE /v1/responses/{id}`."""
    return encode({"id": id, "object": "response", "deleted": True})


def response_not_found(id: str) -> Fault:
    """Return the fault for a response that does not exist or belongs to another principal."""
    return errors.not_found("response_not_found", "Response", id)


def mark_interrupted(stored: StoredResponse, kind: str = "interrupted") -> StoredResponse:
    """Return a response that a restart of the daemon interrupted, or another fault, as failed."""
    members = decode(stored.body) | {"status": "failed", "error": objects.build_error(fault(kind))}
    return evolve(stored, state="over", body=encode(members))
