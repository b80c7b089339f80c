"""What a message or a tool's result holds, in both dialects: a string, or text, images, files and audio."""

import re
from collections.abc import Callable
from typing import Any, Final

from codexd.fronts.reading import Fields, entry, missing, unsupported, wrong_type, wrong_value
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
"""Media types by the end of a file's name, for data that comes without one."""


def parts(fields: Fields, name: str) -> tuple[Part, ...]:
    """Read content: a string is one text part, null and `[]` are none, an array is its parts.

    Raises:
        Refused: with the path of the part at fault, such as `messages[0].content[1].image_url`.
    """
    value = fields.raw(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (TextPart(value),)
    if not isinstance(value, list):
        wrong_type(fields.at(name), "a string or an array of parts", value)
    return tuple(_part(entry(fields.at(name), index, one)) for index, one in enumerate(value))


def _part(part: Fields) -> Part:
    return _PARTS[part.required_choice("type", _PARTS)](part)


def _text(part: Fields) -> Part:
    return TextPart(part.required_text("text"))


def _said(part: Fields) -> Part:
    """Read what an assistant said, with what the provider noted on it."""
    noted = tuple(_json(one.value) for one in part.objects("annotations"))
    tokens = part.array("logprobs")
    return TextPart(part.required_text("text"), noted, _json(tokens) if tokens else None)


def _json(value: Any) -> JsonText:
    return json.encode(value).decode()


def _refusal(part: Fields) -> Part:
    return RefusalPart(part.required_text("refusal"))


def _image(part: Fields) -> Part:
    """Read Chat's `image_url: {url, detail}` and Responses' `image_url: "..."` beside `detail`."""
    _no_upload(part, "as a data URL in 'image_url'")
    nested = part.object("image_url") if isinstance(part.raw("image_url"), dict) else None
    holder, name = (part, "image_url") if nested is None else (nested, "url")
    url = holder.required_name(name)
    if not _WEB.match(url) and not _INLINE.match(url):
        wrong_value(holder.at(name), "expected an http, https or data URL")
    return ImagePart(url, (nested or part).choice("detail", ("low", "high", "auto", "original")))


def _audio(part: Fields) -> Part:
    audio = part.required_object("input_audio")
    return AudioPart(audio.required_name("data"), audio.required_choice("format", ("wav", "mp3")))


def _file(part: Fields) -> Part:
    """Read Chat's `file: {...}` and Responses' flat form; inline data goes before a URL."""
    file = part.object("file") or part
    _no_upload(file, "as 'file_data'")
    name = file.text("filename")
    data = file.text("file_data")
    return FilePart(_inline(file, data, name) if data else _remote(file), name)


def _inline(file: Fields, data: str, name: str | None) -> str:
    """Give a file's data as a `data:` URL; bare base64 is of the type that its file's name tells."""
    if _WEB.match(data):
        wrong_value(file.at("file_data"), "expected a data URL or base64; a web address goes in 'file_url'")
    if _INLINE.match(data):
        return data
    media = _MEDIA.get((name or "").rpartition(".")[2].lower(), _UNKNOWN_MEDIA)
    return f"data:{media};base64,{data}"


def _remote(file: Fields) -> str:
    url = file.text("file_url")
    if not url:
        missing(file.at("file_data"))
    if not _WEB.match(url) and not _INLINE.match(url):
        wrong_value(file.at("file_url"), "expected an http, https or data URL")
    return url


def _no_upload(part: Fields, instead: str) -> None:
    if part.has("file_id"):
        message = f"There is no Files API here, and no uploaded file; send the content inline, {instead}."
        unsupported(part.at("file_id"), message)


_PARTS: Final[dict[str, Callable[[Fields], Part]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _said,
    "refusal": _refusal,
    "image_url": _image,
    "input_image": _image,
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
}
