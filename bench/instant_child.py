"""An app-server that answers at once and costs next to nothing: what is measured over it is codexd's own.

It knows as much of the protocol as codexd asks in a plain turn. `say: X` is X, `long: N` is N words.
"""

import os
import sys

from codexd.wire import json
from codexd.wire.jsonl import LineSplitter

_MODEL = {
    "id": "gpt-5.5", "hidden": False, "isDefault": True, "supportedReasoningEfforts": [],
}  # fmt: skip
_RESULTS: dict[str, json.Json] = {
    "initialize": {"userAgent": "instant"},
    "config/read": {"config": {}},
    "model/list": {"data": [_MODEL], "nextCursor": None},
}
_CATALOG = json.encode({"models": [{"slug": "gpt-5.5"}]})
_COUNTS = {
    "inputTokens": 1,
    "cachedInputTokens": 0,
    "outputTokens": 1,
    "reasoningOutputTokens": 0,
    "totalTokens": 2,
}


class Instant:
    """The child: a line in, lines out."""

    def __init__(self) -> None:
        self._threads = 0
        self._texts: dict[str, str] = {}
        self._deltas: dict[str, bytes] = {}

    def receive(self, line: bytes) -> bytes:
        """Answer one line."""
        message = json.decode(line)
        if "id" not in message:
            return b""
        method, params = message["method"], message.get("params", {})
        result, told = getattr(self, "_" + method.replace("/", "_"), self._other)(method, params)
        return json.encode({"id": message["id"], "result": result}) + b"\n" + told

    def _other(self, method: str, params: json.Json) -> tuple[json.Json, bytes]:
        return _RESULTS.get(method, {}), b""

    def _thread_start(self, method: str, params: json.Json) -> tuple[json.Json, bytes]:
        self._threads += 1
        return {"thread": {"id": f"thread-{self._threads:08}"}}, b""

    def _thread_inject_items(self, method: str, params: json.Json) -> tuple[json.Json, bytes]:
        self._texts[params["threadId"]] = params["items"][-1]["content"][0]["text"]
        return {}, b""

    def _thread_unsubscribe(self, method: str, params: json.Json) -> tuple[json.Json, bytes]:
        self._texts.pop(params["threadId"], None)
        return {"status": "unsubscribed"}, b""

    def _turn_start(self, method: str, params: json.Json) -> tuple[json.Json, bytes]:
        thread = params["threadId"]
        told = self._deltas.setdefault(self._texts[thread], _answer(self._texts[thread]))
        return {"turn": {"id": "turn"}}, told.replace(b"THREAD", thread.encode())


def _answer(text: str) -> bytes:
    verb, _, rest = text.partition(": ")
    words = [f"word{n} " for n in range(int(rest))] if verb == "long" else [rest]
    item = {"type": "agentMessage", "id": "msg_1", "text": "".join(words), "phase": None}
    return b"".join(
        _tell(method, params)
        for method, params in (
            ("turn/started", {"turn": {"id": "turn"}}),
            ("item/started", {"item": item | {"text": ""}}),
            *(("item/agentMessage/delta", {"itemId": "msg_1", "delta": word}) for word in words),
            ("item/completed", {"item": item}),
            ("rawResponse/completed", {"usage": _COUNTS}),
            ("thread/tokenUsage/updated", {"tokenUsage": {"last": _COUNTS, "modelContextWindow": 272000}}),
            ("turn/completed", {"turn": {"id": "turn", "status": "completed", "error": None}}),
        )
    )


def _tell(method: str, params: dict[str, json.Json]) -> bytes:
    return (
        json.encode({"method": method, "params": {"threadId": "THREAD", "turnId": "turn", **params}}) + b"\n"
    )


def main() -> None:
    """Answer standard input until it ends; asked for the model catalog, print it."""
    if "debug" in sys.argv:
        sys.stdout.buffer.write(_CATALOG)
        return
    child, lines = Instant(), LineSplitter()
    while data := os.read(0, 2**16):
        answer = b"".join(map(child.receive, lines.receive(data)))
        while answer:
            answer = answer[os.write(1, answer) :]


if __name__ == "__main__":
    main()
