"""A turn of the fake app-server: turns the model's plan into messages, one at a time."""

from collections.abc import Callable, Iterator
from typing import Any

from codexd.scripted import prompt, script
from codexd.scripted.answer_plan import (
    AnswerPlan,
    IncompleteEnding,
    ScriptedCall,
    ScriptedItem,
    ScriptedMessage,
    ScriptedReasoning,
    ScriptedSearch,
    SilentEnding,
)
from codexd.scripted.response_items import build_citation
from codexd.wire import json, jsonrpc
from codexd.wire.json import Json
from tests.support.fake_app_server_failures import ABORTED, GUIDANCE, failure
from tests.support.fake_app_server_thread import CHECKPOINT, NOTHING, ServerThread, message

Model = Callable[[Json], AnswerPlan]
"""Answers a request body, as a provider would."""

Messages = Iterator[Json | None]
"""The messages of a turn, in order; None while it waits for a tool's result, or for ever."""


def scripted(body: Json) -> AnswerPlan:
    """Answer by the script (`codexd.scripted.script`)."""
    return script.build_plan(prompt.parse_responses(body))


class ServerTurn:
    """One turn under way.

    Attributes:
        over: no message follows.
        waiting: the ids of its unanswered requests, by call id.
    """

    def __init__(self, id: str, thread: ServerThread, params: Json, model: Model, request_ids: Iterator[int]) -> None:
        self.id = id
        self.thread = thread
        self.over = False
        self.waiting: dict[str, int] = {}
        self._schema = params.get("outputSchema")
        self._model = model
        self._request_ids = request_ids
        self._results: dict[str, Json] = {}
        self._output: list[Json] = []
        self._calls: list[Json] = []
        self._messages = self._run()

    def proceed(self) -> Json | None:
        """Return the next message; None if it waits or is over."""
        if self.over:
            return None
        try:
            return next(self._messages)
        except StopIteration:
            self.over = True
            return None

    def record_reply(self, reply: jsonrpc.RpcResponse | jsonrpc.RpcErrorResponse) -> None:
        """Record the reply to one of its requests."""
        for call_id, request in list(self.waiting.items()):
            if request == reply.id:
                del self.waiting[call_id]
                self._results[call_id] = reply.result if isinstance(reply, jsonrpc.RpcResponse) else _DECLINED

    def interrupt(self) -> Iterator[Json]:
        """Interrupt the turn; yield the messages that precede the reply to `turn/interrupt`."""
        pending = [call for call in self._calls if call["call_id"] in self.waiting]
        for call in pending:
            yield self._call_completed(call, {"contentItems": [], "success": False})
        for call in self._calls:
            if call["call_id"] not in self._results:
                yield self._add_result(call)
        if self._calls:
            yield self._usage()
        yield self._raw(ABORTED)
        self._messages = iter((self._completed("interrupted"),))

    def describe(self, status: str = "inProgress", error: Json = None) -> Json:
        """Return its representation in the protocol."""
        return {"id": self.id, "status": status, "error": error}

    # The messages, in order.

    def _run(self) -> Messages:
        yield self._event("turn/started", turn=self.describe())
        while True:
            if self.thread.overfull:
                yield from self._compact()
            plan = self._model(self.thread.body(self._schema))
            self._output, self._calls, self._results = [], [], {}
            for position, planned in enumerate(plan.items):
                yield from _EMITTERS[type(planned)](self, plan, position, planned)
            while isinstance(plan.ending, SilentEnding):
                yield None
            why = failure(plan.ending)
            if why is None or isinstance(plan.ending, IncompleteEnding):
                self.thread.add_output(self._output, plan.usage)
            if why is not None:
                yield from self._fail(plan, why)
                return
            yield from self._complete_response(plan)
            yield self._usage()
            if not self._calls:
                yield self._completed("completed")
                return

    def _message(self, plan: AnswerPlan, position: int, planned: ScriptedMessage) -> Messages:
        id = plan.make_id("msg", position)
        item = {"type": "agentMessage", "id": id, "text": "", "phase": None}
        yield self._event("item/started", item=item)
        for delta in filter(None, planned.deltas):
            yield self._event("item/agentMessage/delta", itemId=id, delta=delta)
        if not plan.is_left_open(position):
            yield self._event("item/completed", item={**item, "text": planned.text})
            said = {"id": id, **message("assistant", planned.text)}
            if planned.source is not None:
                said["content"][0]["annotations"] = [build_citation(planned.text, planned.source)]
            yield self._add_output_item(said)

    def _search(self, plan: AnswerPlan, position: int, planned: ScriptedSearch) -> Messages:
        id = plan.make_id("ws", position)
        action = {"type": "search", "query": planned.query, "queries": [planned.query]}
        item = {"type": "webSearch", "id": id}
        yield self._event("item/started", item={**item, "query": planned.query, "action": action})
        yield self._event("item/completed", item={**item, "query": planned.query, "action": action})
        yield self._add_output_item({"type": "web_search_call", "id": id, "status": "completed", "action": action})

    def _thought(self, plan: AnswerPlan, position: int, planned: ScriptedReasoning) -> Messages:
        id = plan.make_id("rs", position)
        item = {"type": "reasoning", "id": id, "summary": [], "content": []}
        yield self._event("item/started", item=item)
        for delta in filter(None, planned.deltas):
            yield self._event("item/reasoning/summaryTextDelta", itemId=id, delta=delta, summaryIndex=0)
        if not plan.is_left_open(position):
            summary = {"type": "summary_text", "text": planned.text}
            sealed = plan.make_id("encrypted", position)
            yield self._event("item/completed", item={**item, "summary": [planned.text]})
            yield self._add_output_item(
                {"type": "reasoning", "id": id, "summary": [summary], "encrypted_content": sealed}
            )

    def _call(self, plan: AnswerPlan, position: int, planned: ScriptedCall) -> Messages:
        if plan.is_left_open(position):
            return
        call = {
            "type": "function_call",
            "id": plan.make_id("fc", position),
            "name": planned.name,
            "arguments": planned.arguments,
            "call_id": plan.make_id("call", position),
        }
        self._calls.append(call | ({"namespace": planned.namespace} if planned.namespace else {}))
        yield self._add_output_item(self._calls[-1])
        if self.thread.behaviour.calls_early and len(self._calls) == 1:
            yield from self._request_call(self._calls[-1])

    def _complete_response(self, plan: AnswerPlan) -> Messages:
        """Complete the response and run its calls."""
        behaviour, id = self.thread.behaviour, plan.make_id("resp")
        yield self._event("rawResponse/completed", responseId=id, usage=self.thread.last)
        calls = self._calls[::-1] if behaviour.calls_reversed else self._calls
        calls = sorted(calls, key=lambda call: call["call_id"] not in self.waiting)
        left = list(self._calls)
        for group in [calls] if behaviour.calls_together else [[call] for call in calls]:
            for call in group:
                if call["call_id"] not in self.waiting | self._results:
                    yield from self._request_call(call)
            while self.waiting:
                yield None
            for call in group:
                yield self._call_completed(call, self._results[call["call_id"]])
            # Results go to the model in the order of the calls, each as soon as those before it are there.
            while left and left[0]["call_id"] in self._results:
                yield self._add_result(left.pop(0))

    def _request_call(self, call: Json) -> Messages:
        self.waiting[call["call_id"]] = next(self._request_ids)
        yield self._event("item/started", item=_tool_call_item(call, "inProgress"))
        event = self._event("item/tool/call", **_arguments(call), callId=call["call_id"], tool=call["name"])
        yield {"method": event["method"], "id": self.waiting[call["call_id"]], "params": event["params"]}

    def _call_completed(self, call: Json, result: Json) -> Json:
        item = _tool_call_item(call, "completed" if result["success"] else "failed")
        return self._event("item/completed", item={**item, **result})

    def _add_result(self, call: Json) -> Json:
        """Add a call's result to the history."""
        output = _output(self._results.setdefault(call["call_id"], _CANCELLED))
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
        self.thread.add(item)
        return self._raw(item)

    def _compact(self) -> Messages:
        item = {"type": "contextCompaction", "id": f"compact-{self.id}"}
        yield self._event("item/started", item=item)
        yield self._usage()
        body = self.thread.body()
        plan = self._model({**body, "input": [*body["input"], message("user", CHECKPOINT)]})
        summary = "".join(planned.text for planned in plan.items if isinstance(planned, ScriptedMessage))
        self.thread.add_output([], plan.usage)
        yield self._raw({"id": plan.make_id("msg"), **message("assistant", summary)})
        id = plan.make_id("resp")
        yield self._event("rawResponse/completed", responseId=id, usage=self.thread.last)
        yield self._usage()
        self.thread.compact(summary)
        yield self._usage()
        yield self._event("item/completed", item=item)

    def _fail(self, plan: AnswerPlan, error: Json) -> Messages:
        if isinstance(plan.ending, IncompleteEnding):
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

    def _add_output_item(self, item: Json) -> Json:
        self._output.append(item)
        return self._raw(item)

    def _usage(self) -> Json:
        return self._event("thread/tokenUsage/updated", tokenUsage=self.thread.usage)

    def _completed(self, status: str, error: Json = None) -> Json:
        return self._event("turn/completed", turn=self.describe(status, error))


_EMITTERS: dict[type[ScriptedItem], Callable[[ServerTurn, AnswerPlan, int, Any], Messages]] = {
    ScriptedMessage: ServerTurn._message,
    ScriptedReasoning: ServerTurn._thought,
    ScriptedCall: ServerTurn._call,
    ScriptedSearch: ServerTurn._search,
}

_DECLINED: Json = {
    "contentItems": [{"type": "inputText", "text": "dynamic tool request failed"}],
    "success": False,
}
_CANCELLED: Json = {
    "contentItems": [{"type": "inputText", "text": "dynamic tool call was cancelled before receiving a response"}],
    "success": False,
}


def _arguments(call: Json) -> Json:
    return {"namespace": call.get("namespace"), "arguments": json.decode(call["arguments"])}


def _tool_call_item(call: Json, status: str) -> Json:
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
