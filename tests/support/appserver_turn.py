"""A turn of the fake app-server: what a model's plan amounts to, message by message."""

from collections.abc import Callable, Iterator
from typing import Any

from codexd.scripted import question, script
from codexd.scripted.items import citation
from codexd.scripted.plan import Call, Incomplete, Message, Plan, Search, Silent, Step, Thought
from codexd.wire import json, jsonrpc
from codexd.wire.json import Json
from tests.support.appserver_failures import ABORTED, GUIDANCE, failure
from tests.support.appserver_thread import CHECKPOINT, NOTHING, Thread, message

Model = Callable[[Json], Plan]
"""Answers a request body as its provider would get it."""

Story = Iterator[Json | None]
"""The messages of a turn, in order; None where it waits: for a tool's result, or for ever."""


def scripted(body: Json) -> Plan:
    """Answer by the script (`codexd.scripted.script`)."""
    return script.plan(question.from_responses(body))


class Turn:
    """One turn under way.

    Attributes:
        over: nothing more comes.
        waiting: the ids of its own requests that are not answered, by call id.
    """

    def __init__(
        self, id: str, thread: Thread, params: Json, model: Model, request_ids: Iterator[int]
    ) -> None:
        self.id = id
        self.thread = thread
        self.over = False
        self.waiting: dict[str, int] = {}
        self._schema = params.get("outputSchema")
        self._model = model
        self._request_ids = request_ids
        self._results: dict[str, Json] = {}
        self._said: list[Json] = []
        self._calls: list[Json] = []
        self._story = self._tell()

    def proceed(self) -> Json | None:
        """Give the next message, if there is one now."""
        if self.over:
            return None
        try:
            return next(self._story)
        except StopIteration:
            self.over = True
            return None

    def settle(self, reply: jsonrpc.Reply | jsonrpc.ErrorReply) -> None:
        """Take the answer to a request of its own."""
        for call_id, request in list(self.waiting.items()):
            if request == reply.id:
                del self.waiting[call_id]
                self._results[call_id] = reply.result if isinstance(reply, jsonrpc.Reply) else _DECLINED

    def interrupt(self) -> Iterator[Json]:
        """Break off; give what is said before the call that broke it off is answered."""
        pending = [call for call in self._calls if call["call_id"] in self.waiting]
        for call in pending:
            yield self._call_completed(call, {"contentItems": [], "success": False})
        for call in self._calls:
            if call["call_id"] not in self._results:
                yield self._give(call)
        if self._calls:
            yield self._usage()
        yield self._raw(ABORTED)
        self._story = iter((self._completed("interrupted"),))

    def show(self, status: str = "inProgress", error: Json = None) -> Json:
        """Show it as the protocol does."""
        return {"id": self.id, "status": status, "error": error}

    # The story.

    def _tell(self) -> Story:
        yield self._event("turn/started", turn=self.show())
        while True:
            if self.thread.overfull:
                yield from self._compact()
            plan = self._model(self.thread.body(self._schema))
            self._said, self._calls, self._results = [], [], {}
            for position, step in enumerate(plan.steps):
                yield from _STEPS[type(step)](self, plan, position, step)
            while isinstance(plan.ending, Silent):
                yield None
            why = failure(plan.ending)
            if why is None or isinstance(plan.ending, Incomplete):
                self.thread.said(self._said, plan.usage)
            if why is not None:
                yield from self._fail(plan, why)
                return
            yield from self._batch(plan)
            yield self._usage()
            if not self._calls:
                yield self._completed("completed")
                return

    def _message(self, plan: Plan, position: int, step: Message) -> Story:
        id = plan.identifier("msg", position)
        item = {"type": "agentMessage", "id": id, "text": "", "phase": None}
        yield self._event("item/started", item=item)
        for piece in filter(None, step.pieces):
            yield self._event("item/agentMessage/delta", itemId=id, delta=piece)
        if not plan.leaves_open(position):
            yield self._event("item/completed", item={**item, "text": step.text})
            said = {"id": id, **message("assistant", step.text)}
            if step.source is not None:
                said["content"][0]["annotations"] = [citation(step.text, step.source)]
            yield self._say(said)

    def _search(self, plan: Plan, position: int, step: Search) -> Story:
        id = plan.identifier("ws", position)
        action = {"type": "search", "query": step.query, "queries": [step.query]}
        item = {"type": "webSearch", "id": id}
        yield self._event("item/started", item={**item, "query": step.query, "action": action})
        yield self._event("item/completed", item={**item, "query": step.query, "action": action})
        yield self._say({"type": "web_search_call", "id": id, "status": "completed", "action": action})

    def _thought(self, plan: Plan, position: int, step: Thought) -> Story:
        id = plan.identifier("rs", position)
        item = {"type": "reasoning", "id": id, "summary": [], "content": []}
        yield self._event("item/started", item=item)
        for piece in filter(None, step.pieces):
            yield self._event("item/reasoning/summaryTextDelta", itemId=id, delta=piece, summaryIndex=0)
        if not plan.leaves_open(position):
            summary = {"type": "summary_text", "text": step.text}
            sealed = plan.identifier("encrypted", position)
            yield self._event("item/completed", item={**item, "summary": [step.text]})
            yield self._say(
                {"type": "reasoning", "id": id, "summary": [summary], "encrypted_content": sealed}
            )

    def _call(self, plan: Plan, position: int, step: Call) -> Story:
        if plan.leaves_open(position):
            return
        call = {
            "type": "function_call",
            "id": plan.identifier("fc", position),
            "name": step.name,
            "arguments": step.arguments,
            "call_id": plan.identifier("call", position),
        }
        self._calls.append(call | ({"namespace": step.namespace} if step.namespace else {}))
        yield self._say(self._calls[-1])
        if self.thread.habits.calls_early and len(self._calls) == 1:
            yield from self._ask(self._calls[-1])

    def _batch(self, plan: Plan) -> Story:
        """Tell that the response is complete, and have its calls made."""
        habits, id = self.thread.habits, plan.identifier("resp")
        yield self._event("rawResponse/completed", responseId=id, usage=self.thread.last)
        calls = self._calls[::-1] if habits.calls_backwards else self._calls
        calls = sorted(calls, key=lambda call: call["call_id"] not in self.waiting)
        left = list(self._calls)
        for group in [calls] if habits.calls_at_once else [[call] for call in calls]:
            for call in group:
                if call["call_id"] not in self.waiting | self._results:
                    yield from self._ask(call)
            while self.waiting:
                yield None
            for call in group:
                yield self._call_completed(call, self._results[call["call_id"]])
            # The results go to the model in the order of the calls, each as soon as those before it.
            while left and left[0]["call_id"] in self._results:
                yield self._give(left.pop(0))

    def _ask(self, call: Json) -> Story:
        self.waiting[call["call_id"]] = next(self._request_ids)
        yield self._event("item/started", item=_shown(call, "inProgress"))
        event = self._event("item/tool/call", **_arguments(call), callId=call["call_id"], tool=call["name"])
        yield {"method": event["method"], "id": self.waiting[call["call_id"]], "params": event["params"]}

    def _call_completed(self, call: Json, result: Json) -> Json:
        item = _shown(call, "completed" if result["success"] else "failed")
        return self._event("item/completed", item={**item, **result})

    def _give(self, call: Json) -> Json:
        """Take a call's result into the history."""
        output = _output(self._results.setdefault(call["call_id"], _CANCELLED))
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
        self.thread.add(item)
        return self._raw(item)

    def _compact(self) -> Story:
        item = {"type": "contextCompaction", "id": f"compact-{self.id}"}
        yield self._event("item/started", item=item)
        yield self._usage()
        body = self.thread.body()
        plan = self._model({**body, "input": [*body["input"], message("user", CHECKPOINT)]})
        summary = "".join(step.text for step in plan.steps if isinstance(step, Message))
        self.thread.said([], plan.usage)
        yield self._raw({"id": plan.identifier("msg"), **message("assistant", summary)})
        id = plan.identifier("resp")
        yield self._event("rawResponse/completed", responseId=id, usage=self.thread.last)
        yield self._usage()
        self.thread.compact(summary)
        yield self._usage()
        yield self._event("item/completed", item=item)

    def _fail(self, plan: Plan, error: Json) -> Story:
        if isinstance(plan.ending, Incomplete):
            if plan.ending.reason == "content_filter":
                self.thread.add(GUIDANCE)
                yield self._raw(GUIDANCE)
            else:
                self.thread.last = NOTHING
                yield self._usage()
        if error["codexErrorInfo"] == "contextWindowExceeded":
            self.thread.fill()
            yield self._usage()
        yield self._event("error", error=error, willRetry=False)
        yield self._completed("failed", error)

    # Single messages.

    def _event(self, method: str, **params: Json) -> Json:
        place = {"threadId": self.thread.id}
        if "turn" not in params:
            place["turnId"] = self.id
        return {"method": method, "params": {**place, **params}}

    def _raw(self, item: Json) -> Json:
        return self._event("rawResponseItem/completed", item=item)

    def _say(self, item: Json) -> Json:
        self._said.append(item)
        return self._raw(item)

    def _usage(self) -> Json:
        return self._event("thread/tokenUsage/updated", tokenUsage=self.thread.usage)

    def _completed(self, status: str, error: Json = None) -> Json:
        return self._event("turn/completed", turn=self.show(status, error))


_STEPS: dict[type[Step], Callable[[Turn, Plan, int, Any], Story]] = {
    Message: Turn._message,
    Thought: Turn._thought,
    Call: Turn._call,
    Search: Turn._search,
}

_DECLINED: Json = {
    "contentItems": [{"type": "inputText", "text": "dynamic tool request failed"}],
    "success": False,
}
_CANCELLED: Json = {
    "contentItems": [
        {"type": "inputText", "text": "dynamic tool call was cancelled before receiving a response"}
    ],
    "success": False,
}


def _arguments(call: Json) -> Json:
    return {"namespace": call.get("namespace"), "arguments": json.decode(call["arguments"])}


def _shown(call: Json, status: str) -> Json:
    return {
        "type": "dynamicToolCall",
        "id": call["call_id"],
        "tool": call["name"],
        **_arguments(call),
        "status": status,
        "contentItems": None,
        "success": None,
    }


def _output(result: Json) -> Json:
    items = result["contentItems"]
    if all(item["type"] == "inputText" for item in items):
        return "".join(item["text"] for item in items)
    return [_CONTENT[item["type"]](item) for item in items]


_CONTENT: dict[str, Callable[[Json], Json]] = {
    "inputText": lambda item: {"type": "input_text", "text": item["text"]},
    "inputImage": lambda item: {"type": "input_image", "image_url": item["imageUrl"]},
    "inputAudio": lambda item: {"type": "input_audio", "audio_url": item["audioUrl"]},
}
