"""Decoder of the requests that upstreams answer: moderations, images and audio. Only the model is read."""

from collections.abc import Callable
from typing import Final

from codexd.fronts import json_fields
from codexd.fronts.limits import DEFAULT_LIMITS, RequestLimits
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.forwarded import ForwardedRequest, Resource
from codexd.wire import json, multipart
from codexd.wire.multipart import FormField, MultipartError

ENDPOINTS: Final[dict[str, Resource]] = {
    "moderations": "moderations",
    "images/generations": "images",
    "images/edits": "images",
    "images/variations": "images",
    "audio/speech": "audio",
    "audio/transcriptions": "audio",
    "audio/translations": "audio",
}
"""The endpoints by path, relative to the base URL."""

FORM: Final = b"multipart/form-data"

_MAX_NAME_BYTES: Final = 512


def decode(
    path: str, content_type: bytes, accept: bytes | None, body: bytes, limits: RequestLimits = DEFAULT_LIMITS
) -> ForwardedRequest:
    """Decode a request; the upstream validates all but its model.

    Args:
        path: of an endpoint of ENDPOINTS.
        content_type: JSON, or `multipart/form-data` with its boundary.
        accept: the media types that the client accepts.
        body: the body, decompressed.
        limits: what a JSON body may contain.

    Raises:
        FaultError: with a fault of status 400 that names the field.
    """
    is_form = content_type[: len(FORM)].lower() == FORM
    model, replace_model = _decode_form(content_type, body) if is_form else _decode_json(body, limits)
    return ForwardedRequest(
        resource=ENDPOINTS[path],
        path=path,
        model=model,
        content_type=content_type if is_form else b"application/json",
        accept=accept,
        body=body,
        replace_model=replace_model,
    )


def _decode_json(body: bytes, limits: RequestLimits) -> tuple[str | None, Callable[[str], bytes]]:
    fields = json_fields.parse_body(body, limits)
    model = None if fields.raw("model") is None else fields.required_name("model")

    def replace_model(name: str) -> bytes:
        return body if name == model else json.encode({**json.decode(body), "model": name})

    return model, replace_model


def _decode_form(content_type: bytes, body: bytes) -> tuple[str | None, Callable[[str], bytes]]:
    try:
        fields = list(multipart.find_fields(body, multipart.parse_boundary(content_type)))
    except MultipartError as error:
        message = f"The body is not valid multipart/form-data: {error}."
        raise FaultError(fault("malformed_form", message)) from None
    found = [field for field in fields if field.name == b"model"]
    if len(found) > 1:
        # The upstream might use another one than this server.
        json_fields.raise_wrong_value("model", "expected one value")
    if not found:
        return None, lambda _: body
    place = found[0]
    model = _form_name(body, place)
    return model, lambda name: body if name == model else body[: place.start] + name.encode() + body[place.end :]


def _form_name(body: bytes, place: FormField) -> str:
    try:
        name = body[place.start : min(place.end, place.start + _MAX_NAME_BYTES + 1)].decode()
    except UnicodeDecodeError:
        json_fields.raise_wrong_value("model", "expected UTF-8 text")
    if not name or len(name) > _MAX_NAME_BYTES:
        json_fields.raise_wrong_value("model", "expected the name of a model")
    return name
