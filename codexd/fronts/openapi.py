"""The OpenAPI description of this server, `GET /openapi.json` (spec.openapis.org/oas/v3.1.0).

It describes what a client relies on: paths, methods, the members that are always there, statuses and content types.
Requests are described as far as codexd itself checks them; everything else that OpenAI's API documents is accepted.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, Literal

from codexd import __version__
from codexd.fronts.openapi_schemas import SCHEMAS
from codexd.fronts.usage.description import COMPLETIONS_QUERY, ROWS_QUERY, SUMS_QUERY
from codexd.fronts.usage.description import SCHEMAS as USAGE_SCHEMAS
from codexd.neutral.records import frozen
from codexd.wire import json
from codexd.wire.json import Json

Access = Literal["key", "public", "administrator"]

_VARIABLE: Final = re.compile(r"{(\w+)}")
_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_FORM: Final = "multipart/form-data"
_ANY: Final = "*/*"
_LINES: Final = "application/x-ndjson"
_CSV: Final = "text/csv"
_FAILURES: Final = {
    "4XX": "The request is wrong, or a limit is exceeded.",
    "500": "A defect of codexd, or a response that could not be stored.",
    "501": "The method or the transfer coding is unknown.",
    "502": "The model or its server failed.",
    "503": "No back end can answer now.",
    "504": "The model or the store did not answer in time.",
    "505": "The version of HTTP is not supported.",
}


@frozen(kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        method: the method, in capitals.
        path: the path, with its variables in braces.
        summary: what it does, one sentence.
        response: the schema of its response; None for a response that codexd passes on.
        request: the schema of its JSON body; None for none.
        form: its body may be a form with this schema.
        streams: its response may be a stream of events.
        text: its response is text.
        pages: it lists items in pages.
        table: its response may also be a table: JSON lines or CSV.
        query: its other query parameters, by name.
        status: the status of its response.
        unready: its response has status 503 while the server is not ready.
        access: who may call it.
    """

    method: str
    path: str
    summary: str
    response: str | None = "Any"
    request: str | None = None
    form: str | None = None
    streams: bool = False
    text: bool = False
    pages: bool = False
    table: bool = False
    query: Mapping[str, Json] = {}
    status: str = "200"
    unready: bool = False
    access: Access = "key"


def _operation(line: str, summary: str, response: str | None = "Any", **more: object) -> Operation:
    method, path = line.split()
    return Operation(method=method, path=path, summary=summary, response=response, **more)  # type: ignore[arg-type]


OPERATIONS: Final = (
    _operation("POST /v1/chat/completions", "Create a chat completion.", "ChatCompletion", request="ChatRequest",
               streams=True),
    _operation("POST /v1/completions", "Create a legacy completion.", "Completion", request="CompletionRequest",
               streams=True),
    _operation("POST /v1/responses", "Create a response.", "Response", request="ResponseRequest", streams=True),
    _operation("POST /v1/responses/input_tokens", "Estimate the input tokens of a request.", "InputTokens",
               request="ResponseRequest"),
    _operation("POST /v1/responses/compact", "Replace a history by a summary.", "CompactedResponse",
               request="ResponseRequest"),
    _operation("GET /v1/responses/{id}", "Retrieve a response, or its stream.", "Response", streams=True),
    _operation("DELETE /v1/responses/{id}", "Delete a response.", "Deleted"),
    _operation("POST /v1/responses/{id}/cancel", "Cancel a background response.", "Response"),
    _operation("GET /v1/responses/{id}/input_items", "List the input of a response.", "ItemList", pages=True),
    _operation("POST /v1/conversations", "Create a conversation.", "Conversation", request="ConversationRequest"),
    _operation("GET /v1/conversations/{id}", "Retrieve a conversation.", "Conversation"),
    _operation("POST /v1/conversations/{id}", "Change the metadata of a conversation.", "Conversation",
               request="ConversationUpdate"),
    _operation("DELETE /v1/conversations/{id}", "Delete a conversation.", "Deleted"),
    _operation("GET /v1/conversations/{id}/items", "List the items of a conversation.", "ItemList", pages=True),
    _operation("POST /v1/conversations/{id}/items", "Add items to a conversation.", "ItemList", request="NewItems"),
    _operation("GET /v1/conversations/{id}/items/{item_id}", "Retrieve an item.", "Item"),
    _operation("DELETE /v1/conversations/{id}/items/{item_id}", "Remove an item.", "Conversation"),
    _operation("POST /v1/embeddings", "Create embeddings, at an upstream.", None, request="EmbeddingsRequest"),
    _operation("POST /v1/moderations", "Classify texts, at an upstream.", None, request="ForwardedRequest"),
    _operation("POST /v1/images/generations", "Generate images, at an upstream.", None, request="ForwardedRequest"),
    _operation("POST /v1/images/edits", "Edit an image, at an upstream.", None, form="ForwardedForm"),
    _operation("POST /v1/images/variations", "Vary an image, at an upstream.", None, form="ForwardedForm"),
    _operation("POST /v1/audio/speech", "Create speech, at an upstream.", None, request="ForwardedRequest"),
    _operation("POST /v1/audio/transcriptions", "Transcribe audio, at an upstream.", None, form="ForwardedForm"),
    _operation("POST /v1/audio/translations", "Translate audio, at an upstream.", None, form="ForwardedForm"),
    _operation("GET /v1/models", "List the models.", "ModelList"),
    _operation("GET /v1/models/{id}", "Retrieve a model; its id may contain slashes.", "Model"),
    _operation("GET /v1/engines", "List the models as engines.", "EngineList"),
    _operation("GET /v1/engines/{id}", "Retrieve a model as an engine.", "Engine"),
    _operation("GET /metrics", "Retrieve the metrics, in Prometheus' format.", None, text=True),
    _operation("GET /v1/usage", "Sum up what was used; with `view=raw`, list it.", "Usage", table=True,
               query=SUMS_QUERY),
    _operation("GET /v1/usage/raw", "List what each request has used.", "UsageRowList", table=True,
               query=ROWS_QUERY),
    _operation("GET /v1/usage/limits", "Retrieve the limits of the Codex account.", "UsageLimits"),
    _operation("GET /v1/organization/usage/completions", "Sum up what was used, as OpenAI does.", "CompletionsUsage",
               query=COMPLETIONS_QUERY),
    _operation("GET /admin/maintenance", "Retrieve the state of maintenance.", "Maintenance", access="administrator"),
    _operation("POST /admin/maintenance", "Switch maintenance.", "Maintenance", request="MaintenanceRequest",
               access="administrator"),
    _operation("POST /admin/reload", "Reload the settings.", "Reload", access="administrator"),
    _operation("POST /admin/workers/recycle", "Replace the Codex processes, without losing a turn.", "Recycling",
               status="202", access="administrator"),
    _operation("GET /admin/requests", "List the running requests and the last ones; `outcome`, `model`, `key` and"
               " `limit` are conditions.", "RequestList", access="administrator"),
    _operation("GET /admin/requests/{id}", "Retrieve the requests with an id, each with its timeline.",
               "RequestList", access="administrator"),
    _operation("GET /v1", "Retrieve the name and version of this server.", "Index", access="public"),
    _operation("GET /livez", "Retrieve the liveness.", "Status", access="public"),
    _operation("GET /readyz", "Retrieve the readiness.", "Status", access="public", unready=True),
    _operation("GET /healthz", "Retrieve both.", "Status", access="public", unready=True),
    _operation("GET /health", "Retrieve the readiness, as of llama.cpp.", "Status", access="public", unready=True),
    _operation("GET /openapi.json", "Retrieve this description.", "Any", access="public"),
)  # fmt: skip
"""Every route of `codexd.http.routes`; a test compares them."""


@cache
def render_description() -> bytes:
    """Render the description. It contains nothing of the configuration, so it needs no key."""
    return json.encode(build_description())


def build_description() -> dict[str, Json]:
    """Build the description."""
    paths: dict[str, dict[str, Json]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
    schemes = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "codexd", "version": __version__, "summary": "An OpenAI-compatible API for Codex."},
        "paths": paths,
        "components": {"schemas": {**SCHEMAS, **USAGE_SCHEMAS}, "securitySchemes": schemes},
    }


def _describe(operation: Operation) -> Json:
    described: dict[str, Json] = {
        "operationId": re.sub(r"\W+", "_", f"{operation.method.lower()}{operation.path}").strip("_"),
        "summary": operation.summary,
        "responses": _describe_responses(operation),
        "security": [] if operation.access == "public" else [{"bearer": []}, {"key": []}, {}],
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _VARIABLE.findall(operation.path)
    ]
    if operation.pages:
        parameters += _PAGE_PARAMETERS
    parameters += [{"name": name, "in": "query", **described} for name, described in operation.query.items()]
    if parameters:
        described["parameters"] = parameters
    body = {_JSON: operation.request, _FORM: operation.form}
    content = {kind: {"schema": _ref("schemas", name)} for kind, name in body.items() if name is not None}
    if content:
        described["requestBody"] = {"required": True, "content": content}
    return described


_PAGE_PARAMETERS: Final[tuple[dict[str, Json], ...]] = (
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
    {"name": "order", "in": "query", "schema": {"enum": ["asc", "desc"]}},
    {"name": "after", "in": "query", "schema": {"type": "string"}},
)


def _describe_responses(operation: Operation) -> dict[str, Json]:
    responses: dict[str, Json] = {operation.status: {"description": "Done.", "content": _content(operation)}}
    for status, description in _FAILURES.items():
        responses[status] = {"description": description, "content": {_JSON: {"schema": _ref("schemas", "Error")}}}
    if operation.unready:
        responses["503"] = {"description": "Not ready.", "content": _content(operation)}
    if operation.path == "/admin/reload":
        responses["409"] = {"description": "The new settings are wrong.", "content": _content(operation)}
    if operation.response is None and not operation.text:
        # What an upstream answers is passed on, errors included.
        responses["4XX"] = responses[operation.status]
    return responses


def _content(operation: Operation) -> Json:
    if operation.text:
        return {"text/plain": {"schema": {"type": "string"}}}
    if operation.response is None:
        return {_ANY: {}}
    content: dict[str, Json] = {_JSON: {"schema": _ref("schemas", operation.response)}}
    if operation.table:
        content |= {kind: {"schema": {"type": "string"}} for kind in (_LINES, _CSV)}
    return content | ({_EVENTS: {"schema": _ref("schemas", "StreamEvent")}} if operation.streams else {})


def _ref(kind: str, name: str) -> dict[str, Json]:
    return {"$ref": f"#/components/{kind}/{name}"}
