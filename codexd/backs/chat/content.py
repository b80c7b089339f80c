"""Content parts as Chat Completions has them; what the server cannot be shown is refused, never dropped."""

from collections.abc import Callable
from typing import Any, Final

from codexd.backs.chat.dialect import Dialect
from codexd.backs.items import file_text
from codexd.neutral.fault import Refused, fault
from codexd.neutral.turn import AudioPart, FilePart, ImagePart, Part, RefusalPart, TextPart
from codexd.wire.json import Json

_DETAILS: Final = {"low": "low", "high": "high", "auto": "auto", "original": "high"}


def content(parts: tuple[Part, ...], dialect: Dialect) -> Json:
    """Give a message's content: what is all text as a string, which every server knows, else an array.

    Several texts are lines of one, which is what vLLM and llama.cpp make of them; some servers know no array.

    Raises:
        Refused: `unsupported`, when the model cannot be shown a part.
    """
    if not parts:
        return ""
    written = [_WRITES[type(part)](part, dialect) for part in parts]
    if all(one["type"] == "text" for one in written):
        return "\n".join(one["text"] for one in written)
    return written


def is_text(part: Part) -> bool:
    """Tell whether a part is text, a refusal being the text it was."""
    return isinstance(part, TextPart | RefusalPart)


def text(parts: tuple[Part, ...]) -> str:
    """Join what of the parts is text."""
    return "".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart))


def _text(part: TextPart | RefusalPart, dialect: Dialect) -> Json:
    return {"type": "text", "text": part.text}


def _image(part: ImagePart, dialect: Dialect) -> Json:
    _require(dialect.images, "images", "image_url")
    detail = _DETAILS.get(part.detail or "")
    return {"type": "image_url", "image_url": {"url": part.url} | ({"detail": detail} if detail else {})}


def _audio(part: AudioPart, dialect: Dialect) -> Json:
    _require(dialect.audio, "audio", "input_audio")
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


def _file(part: FilePart, dialect: Dialect) -> Json:
    if not dialect.files:
        return {"type": "text", "text": file_text(part)}
    _require(part.data.lower().startswith("data:"), "files by URL", "file_url")
    named = {"filename": part.filename} if part.filename else {}
    return {"type": "file", "file": {"file_data": part.data} | named}


def _require(can: bool, what: str, param: str) -> None:
    if not can:
        raise Refused(fault("unsupported", f"This model takes no {what}.", param=param))


_WRITES: Final[dict[type, Callable[[Any, Dialect], Json]]] = {
    TextPart: _text,
    RefusalPart: _text,
    ImagePart: _image,
    AudioPart: _audio,
    FilePart: _file,
}
