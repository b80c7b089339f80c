"""Answers that were kept, as they are shown again."""

from collections.abc import Collection
from typing import Final

from attrs import evolve

from codexd.fronts import errors
from codexd.fronts.responses import answer
from codexd.neutral.fault import Fault, fault
from codexd.neutral.kept import KeptItem, KeptResponse
from codexd.wire.json import decode, encode

SEALED: Final = "reasoning.encrypted_content"
"""The `include` that shows the sealed originals of reasoning."""

_SEAL: Final = "encrypted_content"


def shown(kept: KeptResponse, include: Collection[str] = ()) -> bytes:
    """Write a Response (`GET /v1/responses/{id}`): the very one its client was given, if `include` is.

    Args:
        kept: the answer.
        include: OpenAI's `include`; of what it may name only sealed reasoning is kept.
    """
    return answer.whole(kept.body, (item(one, include) for one in kept.output))


def item(kept: KeptItem, include: Collection[str] = ()) -> bytes:
    """Write one item as it is shown: sealed reasoning only where `include` asks."""
    if SEALED in include or _SEAL.encode() not in kept.body:
        return kept.body
    members = decode(kept.body)
    if members["type"] == "reasoning":
        members.pop(_SEAL, None)
    return encode(members)


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
