"""Answers that were kept, as they are shown again."""

from collections.abc import Collection, Iterator
from typing import Any, Final

from attrs import evolve

from codexd.fronts import errors
from codexd.fronts.responses import answer
from codexd.neutral.fault import Fault, fault
from codexd.neutral.kept import KeptItem, KeptResponse
from codexd.wire.json import decode, encode

SEALED: Final = "reasoning.encrypted_content"
"""The `include` that shows the sealed originals of reasoning."""

_SEAL: Final = "encrypted_content"
_MARKS: Final = (b'"encrypted_content"', b'"input_image"')


def shown(kept: KeptResponse, include: Collection[str] = ()) -> bytes:
    """Write a Response (`GET /v1/responses/{id}`): the very one its client was given, if `include` is.

    Args:
        kept: the answer.
        include: OpenAI's `include`; of what it may name only sealed reasoning is kept.
    """
    return answer.whole(kept.body, (item(one, include) for one in kept.output))


def item(kept: KeptItem, include: Collection[str] = ()) -> bytes:
    """Write one item as it is shown: sealed reasoning only where `include` asks, images with their detail."""
    if not any(mark in kept.body for mark in _MARKS):
        return kept.body
    members = decode(kept.body)
    if members["type"] == "reasoning" and SEALED not in include:
        members.pop(_SEAL, None)
    for part in _parts(members):
        if part.get("type") == "input_image" and part.get("detail") is None:
            part["detail"] = "auto"
    return encode(members)


def _parts(members: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the parts of a message or a tool's output; what is not understood has none."""
    for held in (members.get("content"), members.get("output")):
        if isinstance(held, list):
            yield from (part for part in held if isinstance(part, dict))


def deleted(id: str) -> bytes:
    """Write what answers `DELETE /v1/responses/{id}`."""
    return encode({"id": id, "object": "response", "deleted": True})


def unknown(id: str) -> Fault:
    """Give the fault for a response that is not there, or is somebody else's."""
    return errors.absent("response_not_found", "Response", id)


def lost(kept: KeptResponse) -> KeptResponse:
    """Give an answer that the end of the daemon cut as what it is now: failed."""
    members = decode(kept.body) | {"status": "failed", "error": answer.error(fault("interrupted"))}
    return evolve(kept, standing="over", body=encode(members))
