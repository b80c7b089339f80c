"""Encodes content parts for Chat Completions; a part the server does not accept is refused, not dropped."""

from collections.abc import Callable
from typing import Any, Final

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.items import render_file
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.text import join_texts
from codexd.neutral.turn import AudioPart, FilePart, ImagePart, Part, RefusalPart, TextPart
from codexd.wire.json import Json

_DETAILS: Final = {"low": "low", "high": "high", "auto": "auto", "original": "high"}


def encode_content(parts: tuple[Part, ...], capabilities: ServerCapabilities) -> Json:
    """Encode the content of a message: a string if all parts are text, else an array.

    Every server accepts a string; some fail at an array.

    Raises:
        FaultError: `unsupported`, when the server does not accept a part.
    """
    if not parts:
        return ""
    encoded = [_ENCODERS[type(part)](part, capabilities) for part in parts]
    if all(one["type"] == "text" for one in encoded):
        return join_texts(one["text"] for one in encoded)
    return encoded


def is_text(part: Part) -> bool:
    """Return whether a part is text; a refusal counts as its text."""
    return isinstance(part, TextPart | RefusalPart)


def _encode_text(part: TextPart | RefusalPart, capabilities: ServerCapabilities) -> Json:
    return {"type": "text", "text": part.text}


def _encode_image(part: ImagePart, capabilities: ServerCapabilities) -> Json:
    _require(capabilities.images, "images", "image_url")
    detail = _DETAILS.get(part.detail or "")
    return {"type": "image_url", "image_url": {"url": part.url} | ({"detail": detail} if detail else {})}


def _encode_audio(part: AudioPart, capabilities: ServerCapabilities) -> Json:
    _require(capabilities.audio, "audio", "input_audio")
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


def _encode_file(part: FilePart, capabilities: ServerCapabilities) -> Json:
    if not capabilities.files:
        return {"type": "text", "text": render_file(part)}
    _require(part.data.lower().startswith("data:"), "files by URL", "file_url")
    filename = {"filename": part.filename} if part.filename else {}
    return {"type": "file", "file": {"file_data": part.data} | filename}


def _require(supported: bool, what: str, param: str) -> None:
    if not supported:
        raise FaultError(fault("unsupported", f"This model does not support {what}.", param=param))


_ENCODERS: Final[dict[type, Callable[[Any, ServerCapabilities], Json]]] = {
    TextPart: _encode_text,
    RefusalPart: _encode_text,
    ImagePart: _encode_image,
    AudioPart: _encode_audio,
    FilePart: _encode_file,
}
