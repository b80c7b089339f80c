"""Parsers of message and tool-result content, for all dialects: text, image, file and audio parts."""

import re
from collections.abc import Callable
from typing import Any, Final

from codexd.fronts.json_fields import (
    Fields,
    parse_element,
    raise_missing,
    raise_unsupported,
    raise_wrong_type,
    raise_wrong_value,
)
from codexd.neutral.turn import AudioPart, FilePart, ImagePart, JsonText, Part, RefusalPart, TextPart
from codexd.wire import json

_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
_INLINE: Final = re.compile(r"data:", re.IGNORECASE)

_UNKNOWN_MEDIA: Final = "application/octet-stream"
_PLAIN: Final = (
    *(
        "c",
        "cc",
        "cfg",
        "cpp",
        "cs",
        "diff",
        "go",
        "h",
        "hpp",
        "ini",
        "java",
        "js",
        "jsx",
        "kt",
        "log",
        "lua",
    ),
    *("patch", "php", "pl", "py", "r", "rb", "rs", "scala", "sh", "sql", "tex", "text", "toml", "ts", "tsx"),
    "txt",
)
_MEDIA: Final = dict.fromkeys(_PLAIN, "text/plain") | {
    "css": "text/css",
    "csv": "text/csv",
    "htm": "text/html",
    "html": "text/html",
    "json": "application/json",
    "markdown": "text/markdown",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "tsv": "text/tab-separated-values",
    "xml": "text/xml",
    "yaml": "text/yaml",
    "yml": "text/yaml",
}
"""Media types by file name extension, for data that comes without one."""


def parse_parts(fields: Fields, name: str) -> tuple[Part, ...]:
    """Parse content: a string is one text part, null and `[]` are no parts, an array is its parts.

    Raises:
        FaultError: with the path of the invalid part, such as `messages[0].content[1].image_url`.
    """
    value = fields.raw(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (TextPart(value),)
    if not isinstance(value, list):
        raise_wrong_type(fields.at(name), "a string or an array of parts", value)
    return tuple(_part(parse_element(fields.at(name), index, one)) for index, one in enumerate(value))


def _part(part: Fields) -> Part:
    return _PARTS[part.required_choice("type", _PARTS)](part)


def _text(part: Fields) -> Part:
    return TextPart(part.required_text("text"))


def _output_text(part: Fields) -> Part:
    """Parse a text part of an assistant message, with its annotations and log probabilities."""
    annotations = tuple(_json(one.value) for one in part.objects("annotations"))
    tokens = part.array("logprobs")
    return TextPart(part.required_text("text"), annotations, _json(tokens) if tokens else None)


def _json(value: Any) -> JsonText:
    return json.encode(value).decode()


def _refusal(part: Fields) -> Part:
    return RefusalPart(part.required_text("refusal"))


def _image(part: Fields) -> Part:
    """Parse Chat's `image_url: {url, detail}` or Responses' `image_url: "..."` with a sibling `detail`."""
    _reject_file_id(part, "as a data URL in 'image_url'")
    nested = part.object("image_url") if isinstance(part.raw("image_url"), dict) else None
    holder, name = (part, "image_url") if nested is None else (nested, "url")
    url = holder.required_name(name)
    if not _WEB.match(url) and not _INLINE.match(url):
        raise_wrong_value(holder.at(name), "expected an http, https or data URL")
    detail = (nested or part).choice("detail", ("low", "high", "auto", "original"))
    return ImagePart(url, detail, holder.at(name))


def _audio(part: Fields) -> Part:
    audio = part.required_object("input_audio")
    return AudioPart(audio.required_name("data"), audio.required_choice("format", ("wav", "mp3")))


def _file(part: Fields) -> Part:
    """Parse Chat's `file: {...}` or Responses' flat form; inline data takes precedence over a URL."""
    file = part.object("file") or part
    _reject_file_id(file, "as 'file_data'")
    name = file.text("filename")
    data = file.text("file_data")
    return FilePart(_data_url(file, data, name) if data else _file_url(file), name)


def _data_url(file: Fields, data: str, name: str | None) -> str:
    """Return a file's data as a `data:` URL; the media type of bare base64 comes from the file name."""
    if _WEB.match(data):
        raise_wrong_value(file.at("file_data"), "expected a data URL or base64; a web address goes in 'file_url'")
    if _INLINE.match(data):
        return data
    media = _MEDIA.get((name or "").rpartition(".")[2].lower(), _UNKNOWN_MEDIA)
    return f"data:{media};base64,{data}"


def _file_url(file: Fields) -> str:
    url = file.text("file_url")
    if not url:
        raise_missing(file.at("file_data"))
    if not _WEB.match(url) and not _INLINE.match(url):
        raise_wrong_value(file.at("file_url"), "expected an http, https or data URL")
    return url


def _reject_file_id(part: Fields, instead: str) -> None:
    if part.has("file_id"):
        message = f"This server has no Files API; send the content inline, {instead}."
        raise_unsupported(part.at("file_id"), message)


_PARTS: Final[dict[str, Callable[[Fields], Part]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _output_text,
    "refusal": _refusal,
    "image_url": _image,
    "input_image": _image,
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
}
