"""The clients of the soak. Each sends one request, or a few that belong together, and judges what it gets."""

import time
from collections.abc import Callable
from http.client import HTTPException
from random import Random
from typing import Any, Final

from attrs import frozen

from codexd.wire import json
from tests.soak.verdicts import (
    Verdict,
    dishonest,
    judge_chat_body,
    judge_chat_stream,
    judge_error,
    judge_response_body,
    judge_response_events,
)
from tests.support.http_client import HttpResponse, PendingRequest, open_unread_request, request
from tests.support.live_daemon import CHAT, RESPONSES

KEYS: Final = ("soak-one", "soak-two")
MODELS: Final = ("scripted", "near/scripted", "mine")
TOOL: Final = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
FAULTS: Final = (
    "fail: 500",
    "fail: 429",
    "fail: server_error",
    "cut: a few words",
    "garble: a few words",
    "stall: one",
)
"""What the model's provider does wrong; every ending but success with this text is honest."""

_POLL_SECONDS: Final = 0.1
_BACKGROUND_SECONDS: Final = 60.0


@frozen
class ClientContext:
    """What a client needs.

    Attributes:
        port: of the daemon.
        random: chooses.
    """

    port: int
    random: Random

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request, with one of the keys."""
        return {"content-type": "application/json", "authorization": f"Bearer {self.random.choice(KEYS)}"}

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> HttpResponse:
        """Send a request and read the whole response."""
        return request(self.port, "POST", path, json.encode(body), headers or self.headers)

    def chat_body(self, said: str, **more: Any) -> dict[str, Any]:
        """Build a chat request to any model."""
        model = self.random.choice(MODELS)
        return {"model": model, "messages": [{"role": "user", "content": said}], **more}

    def words(self) -> str:
        """Return a text that no other request has."""
        return f"hello {self.random.getrandbits(64):x}"


def _events(context: ClientContext, path: str, body: Any) -> tuple[HttpResponse, list[str]]:
    """Send a request for a stream; return the response and the data of its events."""
    response = context.post(path, body)
    frames = response.body.split(b"\n\n")
    lines = [line for frame in frames for line in frame.split(b"\n") if line.startswith(b"data: ")]
    return response, [line.removeprefix(b"data: ").decode() for line in lines]


def chat_whole(context: ClientContext) -> Verdict:
    """Ask for one body."""
    said = context.words()
    response = context.post(CHAT, context.chat_body(f"say: {said}"))
    if response.status != 200:
        return judge_error(response.status, response.body)
    return judge_chat_body(response.json, said)


def chat_stream(context: ClientContext) -> Verdict:
    """Ask for a stream of some hundred deltas."""
    words = context.random.choice((3, 40, 400))
    response, events = _events(context, CHAT, context.chat_body(f"long: {words}", stream=True))
    if response.status != 200:
        return judge_error(response.status, response.body)
    return judge_chat_stream(events, " ".join(f"word{number}" for number in range(1, words + 1)))


def conversation(context: ClientContext) -> Verdict:
    """Ask for a stored response, continue it, and read both back."""
    headers, previous = context.headers, None
    for _ in range(3):
        said = context.words()
        body = {"model": context.random.choice(MODELS), "input": f"say: {said}", "previous_response_id": previous}
        response = context.post(RESPONSES, body, headers)
        if response.status != 200:
            return judge_error(response.status, response.body)
        verdict = judge_response_body(response.json, said)
        if verdict.outcome != "ok":
            return verdict
        previous = response.json["id"]
        shown = request(context.port, "GET", f"{RESPONSES}/{previous}", headers=headers)
        if shown.status == 200 and shown.json["output"] != response.json["output"]:
            return dishonest("a stored response with another output")
        if shown.status == 404:
            return dishonest("an acknowledged response was lost")
    return Verdict("ok")


def response_stream(context: ClientContext) -> Verdict:
    """Ask for a stream of Responses events."""
    said = context.words()
    body = {"model": context.random.choice(MODELS), "input": f"say: {said}", "stream": True}
    response, events = _events(context, RESPONSES, body)
    if response.status != 200:
        return judge_error(response.status, response.body)
    return judge_response_events(events, said)


def background(context: ClientContext) -> Verdict:
    """Ask for a background response and poll it."""
    said, headers = context.words(), context.headers
    body = {"model": context.random.choice(MODELS), "input": f"say: {said}", "background": True}
    response = context.post(RESPONSES, body, headers)
    if response.status != 200:
        return judge_error(response.status, response.body)
    deadline = time.monotonic() + _BACKGROUND_SECONDS
    while time.monotonic() < deadline:
        shown = request(context.port, "GET", f"{RESPONSES}/{response.json['id']}", headers=headers)
        if shown.status == 404:
            return dishonest("an acknowledged background response was lost")
        if shown.status != 200:
            return judge_error(shown.status, shown.body)
        if shown.json["status"] not in ("queued", "in_progress"):
            return judge_response_body(shown.json, said)
        time.sleep(_POLL_SECONDS)
    return dishonest("a background response without an end")


def tools(context: ClientContext) -> Verdict:
    """Let the model call a tool, and send its result."""
    headers, tool_list = context.headers, [TOOL]
    body = context.chat_body("call: look {}", tools=tool_list)
    response = context.post(CHAT, body, headers)
    if response.status != 200:
        return judge_error(response.status, response.body)
    message = response.json["choices"][0]["message"]
    if not message.get("tool_calls"):
        return dishonest("a tool call was lost")
    if context.random.random() < 0.3:
        return Verdict("disconnected", "the result is never sent")
    said = context.words()
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": said}
    response = context.post(CHAT, body | {"messages": [*body["messages"], message, result]}, headers)
    if response.status != 200:
        return judge_error(response.status, response.body)
    return judge_chat_body(response.json, f"tool said: {said}")


def disconnect(context: ClientContext) -> Verdict:
    """Disconnect in the middle of a stream, or before it."""
    body = context.chat_body("slow: 40", stream=True)
    pending = PendingRequest(context.port, CHAT, json.encode(body), context.headers)
    time.sleep(context.random.choice((0, 0.05, 0.4)))
    pending.disconnect()
    return Verdict("disconnected")


def slow_reader(context: ClientContext) -> Verdict:
    """Ask for much, read nothing for a while, and disconnect unless the server did before."""
    body = context.chat_body(f"long: {context.random.choice((2000, 20_000))}", stream=True)
    authorization = f"authorization: {context.headers['authorization']}"
    connection = open_unread_request(context.port, CHAT, json.encode(body), authorization)
    time.sleep(context.random.choice((0.5, 2.5)))
    connection.close()
    return Verdict("disconnected")


def faulty_model(context: ClientContext) -> Verdict:
    """Ask a model whose provider fails: any ending is honest but success."""
    said = context.random.choice(FAULTS)
    response, events = _events(context, CHAT, context.chat_body(said, stream=True))
    if response.status != 200:
        return judge_error(response.status, response.body)
    verdict = judge_chat_stream(events, "")
    return dishonest(f"{said!r} was a success") if verdict.outcome == "ok" else verdict


def bad_request(context: ClientContext) -> Verdict:
    """Send something wrong: it is refused with a status below 500."""
    path = context.random.choice((CHAT, RESPONSES, "/v1/completions", "/v1/embeddings", "/v1/nothing"))
    body: Any = context.random.choice((b"{", b"[]", b'{"model": 1}', b"\xff", b'{"model": "gone", "messages": []}'))
    response = request(context.port, "POST", path, body, context.headers)
    verdict = judge_error(response.status, response.body)
    if response.status in (500, 200):
        return dishonest(f"a bad request was answered with {response.status}")
    return verdict


Client = Callable[[ClientContext], Verdict]

CLIENTS: Final[tuple[Client, ...]] = (
    chat_whole,
    chat_stream,
    conversation,
    response_stream,
    background,
    tools,
    disconnect,
    slow_reader,
    faulty_model,
    bad_request,
)


def run_client(client: Client, context: ClientContext) -> Verdict:
    """Run a client; a connection that ends without a complete response is dishonest."""
    try:
        return client(context)
    except (OSError, HTTPException) as error:
        return dishonest(f"the connection was cut: {type(error).__name__}")
