"""Requests at every endpoint, streamed or not, and how the response to each of them ended."""

from itertools import product
from typing import Any, Final

from attrs import evolve, frozen

from tests.support.in_memory_server import Connection, Response

_PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "completions": "/v1/completions"}
_TOOL: Final = {"name": "f", "parameters": {"type": "object"}}
_TERMINAL: Final = ("response.completed", "response.failed", "response.incomplete", "error")


@frozen(kw_only=True)
class Ask:
    """One kind of request.

    Attributes:
        endpoint: `chat`, `responses` or `completions`.
        background: of the Responses API.
    """

    endpoint: str
    stream: bool
    background: bool = False

    @property
    def path(self) -> str:
        return _PATHS[self.endpoint]

    def body(self, model: str, text: str, tools: bool = False) -> dict[str, Any]:
        """Build a request with this prompt."""
        body: dict[str, Any] = {"model": model, "stream": self.stream}
        if self.endpoint == "chat":
            body |= {"messages": [{"role": "user", "content": text}]}
        else:
            body |= {"prompt" if self.endpoint == "completions" else "input": text}
        if self.background:
            body["background"] = True
        if tools:
            body["tools"] = [{"type": "function", **(_TOOL if self.endpoint == "responses" else {"function": _TOOL})}]
        return body

    def results(self, before: dict[str, Any], client: "Client") -> dict[str, Any]:
        """Build the request with the result `x` of the only tool call of a response."""
        if self.endpoint == "responses":
            ended = client.ended
            (call,) = (item for item in ended["output"] if item["type"] == "function_call")
            result = {"type": "function_call_output", "call_id": call["call_id"], "output": "x"}
            return before | {"previous_response_id": ended["id"], "input": [result]}
        call = client.call
        asked = {"role": "assistant", "content": None, "tool_calls": [call]}
        result = {"role": "tool", "tool_call_id": call["id"], "content": "x"}
        return before | {"messages": [*before["messages"], asked, result]}


ASKS: Final = tuple(Ask(endpoint=endpoint, stream=stream) for endpoint, stream in product(_PATHS, (False, True)))
WITH_TOOLS: Final = tuple(ask for ask in ASKS if ask.endpoint != "completions")
IN_BACKGROUND: Final = tuple(evolve(ask, background=True) for ask in ASKS if ask.endpoint == "responses")


@frozen
class Client:
    """A request that was sent, and its connection."""

    ask: Ask
    connection: Connection

    @property
    def response(self) -> Response | None:
        """The response so far; None before its first byte."""
        found = self.connection.responses()
        return found[-1] if found else None

    @property
    def end(self) -> str:
        """How it ended: the finish reason, the status or the error's code; `cut`; empty while it runs.

        A response has exactly one end, and nothing follows it.
        """
        response = self.response
        if response is None or not response.whole:
            assert response is None or not self._ends(response), "the terminal event is not the end of the response"
            return "" if self.connection.transport.connected else "cut"
        if response.status != 200:
            return str(response.error["code"])
        if not self.ask.stream:
            return _end_of_body(response.json)
        (only,) = self._ends(response)
        return only

    def _ends(self, response: Response) -> list[str]:
        """Return the ends in a stream, of which nothing follows the first."""
        if response.status != 200 or "event-stream" not in response.headers["content-type"]:
            return []
        events = [event for event in response.events if event is not None]
        ends = [index for index, event in enumerate(events) if _is_terminal(event)]
        assert ends in ([], [len(events) - 1]), events
        return [_end_of_stream(events)] if ends else []

    @property
    def content(self) -> str:
        """The text of the response so far."""
        response = self.response
        if response is None or response.status != 200:
            return ""
        if not self.ask.stream:
            return _text_of_body(response.json) if response.whole else ""
        return "".join(_text_of_event(event) for event in response.events if isinstance(event, dict))

    @property
    def ended(self) -> dict[str, Any]:
        """The response object of a Responses request that is over."""
        assert self.response is not None
        found = self.response.events[-1]["response"] if self.ask.stream else self.response.json
        assert isinstance(found, dict)
        return found

    @property
    def call(self) -> dict[str, Any]:
        """The only tool call of a chat completion."""
        assert self.response is not None
        if not self.ask.stream:
            (call,) = self.response.json["choices"][0]["message"]["tool_calls"]
            return dict(call)
        chunks = [event for event in self.response.events if isinstance(event, dict)]
        parts = [
            part for chunk in chunks for choice in chunk["choices"] for part in choice["delta"].get("tool_calls", ())
        ]
        arguments = "".join(part["function"].get("arguments", "") for part in parts)
        function = {"name": parts[0]["function"]["name"], "arguments": arguments}
        return {"id": parts[0]["id"], "type": "function", "function": function}


def _end_of_body(body: dict[str, Any]) -> str:
    if "choices" in body:
        return str(body["choices"][0]["finish_reason"])
    return str(body["error"]["code"] if body["status"] == "failed" else body["status"])


def _is_terminal(event: Any) -> bool:
    return event == "[DONE]" or ("error" in event and "choices" not in event) or event.get("type") in _TERMINAL


def _end_of_stream(events: list[Any]) -> str:
    last = events[-1]
    if last == "[DONE]":
        reasons = [choice["finish_reason"] for event in events[:-1] for choice in event["choices"]]
        (only,) = filter(None, reasons)
        return str(only)
    return str(last["error"]["code"]) if "response" not in last else _end_of_body(last["response"])


def _text_of_body(body: dict[str, Any]) -> str:
    if "choices" in body:
        (choice,) = body["choices"]
        return str(choice["text"] if "text" in choice else choice["message"]["content"])
    return "".join(part["text"] for item in body["output"] for part in item.get("content", ()))


def _text_of_event(event: dict[str, Any]) -> str:
    if event.get("type") == "response.output_text.delta":
        return str(event["delta"])
    return "".join(
        choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in event.get("choices", ())
    )
