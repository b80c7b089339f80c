"""The schemas of the OpenAPI description (JSON Schema 2020-12)."""

from typing import Final

from codexd.wire.json import Json

_TEXT: Final[Json] = {"type": "string"}
_FLAG: Final[Json] = {"type": "boolean"}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_NUMBER: Final[Json] = {"type": "number"}
_OBJECTS: Final[Json] = {"type": "array", "items": {"type": "object"}}
_METADATA: Final[Json] = {
    "type": ["object", "null"],
    "maxProperties": 16,
    "propertyNames": {"maxLength": 64},
    "additionalProperties": {"type": "string", "maxLength": 512},
}
_NULLABLE_TEXT: Final[Json] = {"type": ["string", "null"]}


def _object(required: str = "", **properties: Json) -> Json:
    """Build the schema of an object; `required` lists names, separated by blanks."""
    return {"type": "object", "required": required.split(), "properties": properties}


def _const(value: str) -> Json:
    return {"const": value}


def _list_of(name: str) -> Json:
    return _object("object data", object=_const("list"), data={"type": "array", "items": _ref(name)})


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_SAMPLING: Final[dict[str, Json]] = {
    "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
    "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "stream": _FLAG,
    "user": _TEXT,
}
_STOP: Final[Json] = {"anyOf": [_NULLABLE_TEXT, {"type": "array", "items": _TEXT, "maxItems": 4}]}
_NAME: Final[Json] = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}
_CHAT_TEXT: Final[Json] = _object("type text", type=_const("text"), text=_TEXT)
_CHAT_TOOL: Final[Json] = _object(
    "type function", type=_const("function"), function=_object("name", name=_NAME, description=_TEXT)
)
_MESSAGE: Final[Json] = _object(
    "role content",
    role={"enum": ["system", "developer", "user", "assistant"]},
    content={"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "minItems": 1, "items": _CHAT_TEXT}]},
)
_ITEM: Final[Json] = {
    "anyOf": [
        _object(
            "role content",
            type=_const("message"),
            role={"enum": ["system", "developer", "user"]},
            content={
                "anyOf": [
                    _TEXT,
                    {
                        "type": "array",
                        "minItems": 1,
                        "items": _object("type text", type=_const("input_text"), text=_TEXT),
                    },
                ]
            },
        ),
        _object(
            "type call_id name arguments", type=_const("function_call"), call_id=_NAME, name=_NAME, arguments=_TEXT
        ),
        _object("type call_id output", type=_const("function_call_output"), call_id=_NAME, output=_TEXT),
    ]
}
_ITEMS: Final[Json] = {"type": "array", "items": _ITEM}
_INPUT: Final[Json] = {"anyOf": [_TEXT, {**_ITEMS, "minItems": 1}]}
_TOOL: Final[Json] = _object("type name", type=_const("function"), name=_NAME, description=_TEXT)
_ID: Final[Json] = {"type": ["string", "null"], "pattern": "^[a-z]+_[a-z0-9]+$"}

SCHEMAS: Final[dict[str, Json]] = {
    "Any": {},
    "Error": _object(
        "error",
        error=_object(
            "message type param code", message=_TEXT, type=_TEXT, param=_NULLABLE_TEXT, code=_NULLABLE_TEXT
        ),
    ),
    # Requests.
    "ChatRequest": _object(
        "model messages",
        model=_TEXT,
        messages={"type": "array", "minItems": 1, "items": _MESSAGE},
        n={"type": "integer", "minimum": 1, "maximum": 4},
        max_completion_tokens={"type": ["integer", "null"], "minimum": 1},
        stop=_STOP,
        tools={"type": "array", "items": _CHAT_TOOL},
        metadata=_METADATA,
        reasoning_effort={"enum": ["minimal", "low", "medium", "high", None]},
        **_SAMPLING,
    ),
    "CompletionRequest": _object(
        "model prompt", model=_TEXT, prompt={"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}, stop=_STOP,
        max_tokens={"type": ["integer", "null"], "minimum": 1}, echo=_FLAG, suffix=_NULLABLE_TEXT, **_SAMPLING,
    ),
    "ResponseRequest": _object(
        "model", model=_TEXT, input=_INPUT, instructions=_NULLABLE_TEXT, metadata=_METADATA,
        tools={"type": "array", "items": _TOOL}, store=_FLAG, background=_FLAG, previous_response_id=_ID,
        conversation=_ID,
        max_output_tokens={"type": ["integer", "null"], "minimum": 16}, truncation={"enum": ["auto", "disabled"]},
        include={"type": "array", "items": {"enum": ["reasoning.encrypted_content"]}}, **_SAMPLING,
    ),
    "ConversationRequest": _object(items=_ITEMS, metadata=_METADATA),
    "ConversationUpdate": _object("metadata", metadata=_METADATA),
    "NewItems": _object("items", items=_ITEMS),
    "EmbeddingsRequest": _object(
        "model input", model=_TEXT, input={"anyOf": [_TEXT, {"type": "array", "items": {}}]},
        encoding_format={"enum": ["float", "base64"]}, dimensions=_COUNT,
    ),
    "ForwardedRequest": _object(model=_TEXT),
    "ForwardedForm": _object("model", model=_TEXT, file={"type": "string", "format": "binary"}),
    "MaintenanceRequest": _object(
        "enabled", enabled=_FLAG, retry_after_seconds=_NUMBER, message={"type": "string", "minLength": 1}, keep=_FLAG
    ),
    # Responses.
    "ChatCompletion": _object(
        "id object created model choices",
        id=_TEXT,
        object=_const("chat.completion"),
        created=_COUNT,
        model=_TEXT,
        choices={
            "type": "array",
            "minItems": 1,
            "items": _object("index message finish_reason", index=_COUNT, message=_object("role"), finish_reason=_TEXT),
        },
    ),
    "Completion": _object(
        "id object created model choices",
        id=_TEXT,
        object=_const("text_completion"),
        created=_COUNT,
        model=_TEXT,
        choices={
            "type": "array",
            "minItems": 1,
            "items": _object("index text finish_reason", index=_COUNT, text=_TEXT, finish_reason=_TEXT),
        },
    ),
    "StreamEvent": _object("data", event=_TEXT, data=_TEXT),
    "Response": _object(
        "id object created_at status model output error",
        id=_TEXT,
        object=_const("response"),
        created_at=_COUNT,
        status={"enum": ["queued", "in_progress", "completed", "failed", "incomplete", "cancelled"]},
        model=_TEXT,
        output={"type": "array", "items": _ref("Item")},
        error={"type": ["object", "null"]},
    ),
    "CompactedResponse": _object("id object output", id=_TEXT, output={"type": "array", "items": _ref("Item")}),
    "InputTokens": _object("object input_tokens", object=_const("response.input_tokens"), input_tokens=_COUNT),
    "Item": _object("type", type=_TEXT),
    "ItemList": _object(
        "object data first_id last_id has_more",
        object=_const("list"),
        data={"type": "array", "items": _ref("Item")},
        first_id=_NULLABLE_TEXT,
        last_id=_NULLABLE_TEXT,
        has_more=_FLAG,
    ),
    "Conversation": _object(
        "id object created_at metadata", id=_TEXT, object=_const("conversation"), created_at=_COUNT, metadata=_METADATA
    ),
    "Deleted": _object("id object deleted", id=_TEXT, object=_TEXT, deleted={"const": True}),
    "Model": _object("id object created owned_by", id=_TEXT, object=_const("model"), created=_COUNT, owned_by=_TEXT),
    "ModelList": _list_of("Model"),
    "Engine": _object("id object ready", id=_TEXT, object=_const("engine"), ready=_FLAG),
    "EngineList": _list_of("Engine"),
    "Maintenance": _object(
        "object enabled retry_after_seconds message keep", object=_const("maintenance"), enabled=_FLAG,
        retry_after_seconds=_NUMBER, message=_TEXT, keep=_FLAG,
    ),
    "Reload": _object(
        "object applied restart_required problems", object=_const("reload"),
        applied={"type": "array"}, restart_required={"type": "array"}, problems={"type": "array"},
    ),
    "Recycling": _object(
        "object workers", object=_const("recycling"), workers={"type": "array", "items": _TEXT}
    ),
    "RequestStory": _object(
        "object id method route time running status outcome milliseconds tokens", object=_const("request"), id=_TEXT,
        method=_TEXT, route=_TEXT, time=_NUMBER, running=_FLAG, status={"type": ["integer", "null"]},
        outcome={"type": ["string", "null"]}, milliseconds=_NUMBER, tokens={"type": "object"},
        timeline={"type": "array", "items": {"type": "object"}},
    ),
    "RequestList": _list_of("RequestStory"),
    "Index": _object("name version", name=_const("codexd"), version=_TEXT),
    "Status": _object("status", status={"enum": ["ok", "unavailable", "maintenance"]}),
}  # fmt: skip
