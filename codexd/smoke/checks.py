"""The smoke checks. Each sends small requests, and returns what it saw; it raises SmokeError if that is wrong.

They hold for any model: the prompts are commands for the scripted model, which other models answer in their own words.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from codexd.smoke.client import OK, SmokeError
from codexd.smoke.target import PROMPT, SmokeSkip, SmokeTarget
from codexd.wire import json

CHAT: Final = "/v1/chat/completions"
RESPONSES: Final = "/v1/responses"
CONVERSATIONS: Final = "/v1/conversations"

_POLL_SECONDS: Final = 0.2
_DONE: Final = ("completed", "failed", "incomplete", "cancelled")
_ERROR_MEMBERS: Final = ("message", "type", "param", "code")
_TOOL: Final = {
    "name": "codexd_smoke",
    "description": "Confirms that tools work.",
    "parameters": {
        "type": "object",
        "properties": {"word": {"type": "string"}},
        "required": ["word"],
        "additionalProperties": False,
    },
}
_CALL: Final = 'call: codexd_smoke {"word": "ok"}'
_LONG: Final = "slow: 400"


@frozen
class SmokeCheck:
    """One check.

    Attributes:
        name: what is checked.
        run: does it, and returns a few words about what it saw.
    """

    name: str
    run: Callable[[SmokeTarget], str]


def _require(holds: object, message: str) -> None:
    if not holds:
        raise SmokeError(message)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _check_probes(target: SmokeTarget) -> str:
    for path in ("/livez", "/readyz", "/healthz", "/health"):
        response = target.client.send("GET", path)
        _require(response.status == OK, f"GET {path}: {response.describe()}")
    return str(target.call("GET", "/readyz").get("status", "ready"))


def _check_description(target: SmokeTarget) -> str:
    return f"{len(target.call('GET', '/openapi.json')['paths'])} paths"


def _check_models(target: SmokeTarget) -> str:
    names = [model["id"] for model in target.call("GET", "/v1/models")["data"]]
    _require(names, "no model is listed")
    shown = target.call("GET", f"/v1/models/{target.model}")["id"]
    _require(shown == target.model, f"GET /v1/models/{target.model} returns {shown}")
    return f"{_count(len(names), 'model')}; {target.model} answers"


def _check_chat(target: SmokeTarget) -> str:
    answer = target.call("POST", CHAT, target.chat())
    _require(answer["choices"][0]["message"]["content"], "the message is empty")
    _require(answer["choices"][0]["finish_reason"] == "stop", f"finish_reason {answer['choices'][0]['finish_reason']}")
    return _count(answer["usage"]["total_tokens"], "token")


def _check_chat_stream(target: SmokeTarget) -> str:
    with target.client.stream(CHAT, target.chat(stream=True)) as frames:
        *chunks, last = [frame.data for frame in frames] or [b""]
    _require(last == b"[DONE]", "the stream does not end with [DONE]")
    choices = [choice for data in chunks for choice in json.decode(data)["choices"]]
    _require("".join(choice["delta"].get("content") or "" for choice in choices), "the stream has no text")
    _require(choices[-1]["finish_reason"] == "stop", f"finish_reason {choices[-1]['finish_reason']}")
    return _count(len(chunks), "chunk")


def _check_completions(target: SmokeTarget) -> str:
    answer = target.call("POST", "/v1/completions", {"model": target.model, "prompt": PROMPT})
    _require(answer["choices"][0]["text"], "the text is empty")
    return _count(answer["usage"]["total_tokens"], "token")


def _check_tools(target: SmokeTarget) -> str:
    tools = [{"type": "function", "function": _TOOL}]
    messages: list[Any] = [{"role": "user", "content": _CALL}]
    asked = target.call("POST", CHAT, target.chat(messages=messages, tools=tools, tool_choice="required"))
    message = asked["choices"][0]["message"]
    _require(message.get("tool_calls"), "the model called no tool")
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in message["tool_calls"]]
    answer = target.call("POST", CHAT, target.chat(messages=[*messages, message, *results], tools=tools))
    _require(answer["choices"][0]["finish_reason"] in ("stop", "tool_calls"), "the model did not continue")
    return f"called {message['tool_calls'][0]['function']['name']}, and continued with its result"


def _check_responses(target: SmokeTarget) -> str:
    first = target.create(RESPONSES, {"model": target.model, "input": PROMPT})
    _require(first["status"] == "completed", f"status {first['status']}: {first.get('error')}")
    path = f"{RESPONSES}/{first['id']}"
    _require(target.call("GET", path) == first, "the stored response differs from the one that was sent")
    _require(target.call("GET", f"{path}/input_items")["data"], "the stored response has no input items")
    more = target.create(RESPONSES, {"model": target.model, "input": PROMPT, "previous_response_id": first["id"]})
    _require(more["previous_response_id"] == first["id"], "previous_response_id is lost")
    for one in (more, first):
        target.delete(f"{RESPONSES}/{one['id']}")
    return "created, retrieved, continued, deleted"


def _check_responses_stream(target: SmokeTarget) -> str:
    body = {"model": target.model, "input": PROMPT, "stream": True, "store": False}
    with target.client.stream(RESPONSES, body) as frames:
        events = [json.decode(frame.data) for frame in frames if frame.data != b"[DONE]"]
    kinds = [event["type"] for event in events]
    _require(kinds[:1] == ["response.created"], f"the stream begins with {kinds[:1]}")
    _require(kinds[-1] == "response.completed", f"the stream ends with {kinds[-1]}")
    numbers = [event["sequence_number"] for event in events]
    _require(numbers == list(range(len(numbers))), "the sequence numbers have gaps")
    return _count(len(events), "event")


def _check_background(target: SmokeTarget) -> str:
    job = target.create(RESPONSES, {"model": target.model, "input": PROMPT, "background": True})
    status = _await_end(target, job)
    _require(status == "completed", f"status {status}")
    target.delete(f"{RESPONSES}/{job['id']}")
    return "completed"


def _check_cancel(target: SmokeTarget) -> str:
    job = target.create(RESPONSES, {"model": target.model, "input": _LONG, "background": True})
    target.call("POST", f"{RESPONSES}/{job['id']}/cancel")
    status = _await_end(target, job)
    _require(status in ("cancelled", "completed"), f"status {status}")
    return status


def _await_end(target: SmokeTarget, job: Any) -> str:
    """Return the status of a background response after its end."""
    deadline = time.monotonic() + target.client.timeout_seconds
    while job["status"] not in _DONE:
        _require(time.monotonic() < deadline, f"still {job['status']} after {target.client.timeout_seconds:g} s")
        time.sleep(_POLL_SECONDS)
        job = target.call("GET", f"{RESPONSES}/{job['id']}")
    return str(job["status"])


def _check_conversations(target: SmokeTarget) -> str:
    item = {"type": "message", "role": "user", "content": PROMPT}
    path = f"{CONVERSATIONS}/{target.create(CONVERSATIONS, {'items': [item]})['id']}"
    target.call("POST", f"{path}/items", {"items": [item]})
    body = {"model": target.model, "input": PROMPT, "conversation": path.rpartition("/")[2]}
    target.create(RESPONSES, body)
    count = len(target.call("GET", f"{path}/items")["data"])
    _require(count >= 4, f"{count} items, not the two that were added, the input and the output")
    target.delete(path)
    return _count(count, "item")


def _check_input_tokens(target: SmokeTarget) -> str:
    counted = target.call("POST", f"{RESPONSES}/input_tokens", {"model": target.model, "input": PROMPT})
    _require(counted["input_tokens"] > 0, "no tokens were counted")
    return _count(counted["input_tokens"], "token")


def _check_embeddings(target: SmokeTarget) -> str:
    if target.embedding_model is None:
        raise SmokeSkip("no model is named with --embedding-model")
    answer = target.call("POST", "/v1/embeddings", {"model": target.embedding_model, "input": "ok"})
    return f"{len(answer['data'][0]['embedding'])} numbers"


def _check_disconnect(target: SmokeTarget) -> str:
    body = target.chat(stream=True, messages=[{"role": "user", "content": _LONG}])
    with target.client.stream(CHAT, body) as frames:
        _require(next(frames, None), "the stream is empty")
    _check_chat(target)
    return "disconnected after the first event; the next request is answered"


def _check_errors(target: SmokeTarget) -> str:
    wrong = (
        (400, "POST", CHAT, target.chat(messages="wrong")),
        (404, "POST", CHAT, target.chat(model="codexd-smoke-no-such-model")),
        (404, "GET", f"{RESPONSES}/resp_codexdsmoke", None),
        (404, "GET", "/v1/codexd-smoke", None),
    )
    for status, method, path, body in wrong:
        response = target.client.send(method, path, body)
        _require(response.status == status, f"{method} {path}: status {response.status}, not {status}")
        error = response.json.get("error")
        _require(isinstance(error, dict) and set(_ERROR_MEMBERS) <= set(error), f"{method} {path}: no OpenAI error")
        _require(error["message"], f"{method} {path}: the error has no message")
        _require(response.headers.get("x-request-id"), f"{method} {path}: no x-request-id")
    return f"{len(wrong)} errors in OpenAI's form"


def _check_keys(target: SmokeTarget) -> str:
    if target.client.key is None:
        raise SmokeSkip("no API key is used")
    none, wrong = (
        target.client.send("GET", "/v1/models", headers={"authorization": sent}).status
        for sent in ("", "Bearer sk-codexd-smoke-wrong")
    )
    if none == wrong == OK:
        raise SmokeSkip("this daemon needs no API key")
    _require(none == wrong == 401, f"no API key has status {none}, and a wrong one {wrong}, not 401")
    return "requests without a key, and with a wrong one, are refused"


def _check_metrics(target: SmokeTarget) -> str:
    response = target.client.send("GET", "/metrics")
    if response.status == 403:
        raise SmokeSkip("this API key may not read the metrics")
    _require(response.status == OK, f"GET /metrics: status {response.status}")
    _require(b"codexd_" in response.body, "no metric of codexd")
    return f"{sum(not line.startswith(b'#') for line in response.body.splitlines())} samples"


def _check_usage(target: SmokeTarget) -> str:
    response = target.client.send("GET", "/v1/usage")
    if response.status == 404:
        raise SmokeSkip("this daemon has no /v1/usage")
    if response.status == 403:
        raise SmokeSkip("this API key may not read the usage")
    _require(response.status == OK, f"GET /v1/usage: status {response.status}")
    return f"{len(response.body)} bytes"


CHECKS: Final = (
    SmokeCheck("probes", _check_probes),
    SmokeCheck("description", _check_description),
    SmokeCheck("models", _check_models),
    SmokeCheck("chat", _check_chat),
    SmokeCheck("chat, streamed", _check_chat_stream),
    SmokeCheck("tools", _check_tools),
    SmokeCheck("completions", _check_completions),
    SmokeCheck("responses", _check_responses),
    SmokeCheck("responses, streamed", _check_responses_stream),
    SmokeCheck("responses, background", _check_background),
    SmokeCheck("responses, cancelled", _check_cancel),
    SmokeCheck("input tokens", _check_input_tokens),
    SmokeCheck("conversations", _check_conversations),
    SmokeCheck("embeddings", _check_embeddings),
    SmokeCheck("disconnect", _check_disconnect),
    SmokeCheck("errors", _check_errors),
    SmokeCheck("keys", _check_keys),
    SmokeCheck("metrics", _check_metrics),
    SmokeCheck("usage", _check_usage),
)
"""All checks, in their order."""
