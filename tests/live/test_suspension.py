"""Tool results resume the suspended turn; if it is gone, a replay gives the same answer."""

import json as stdlib_json
import os
import signal

from attrs import frozen

from codexd.wire.json import Json
from tests.support import provider_requests
from tests.support.http_client import HttpResponse
from tests.support.live_daemon import RESPONSES, Daemon, DaemonSetup, LiveTestCase, message, user
from tests.support.processes import wait_until

TOOL: Json = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}},
}
ASKED = 'call: look {"at":"sea"}\ncall: look {"at":"sky"}'
ANSWER = "tool said: blue | grey"


@frozen
class ComparableAnswer:
    """The parts of an answer that a client can compare."""

    message: Json
    finish: str
    usage: Json


def comparable(answer: HttpResponse) -> ComparableAnswer:
    """Read them from a Chat response."""
    return ComparableAnswer(message(answer), answer.json["choices"][0]["finish_reason"], answer.json["usage"])


class SuspensionTestCase(LiveTestCase):
    """Requests an answer with two calls and sends their results."""

    def begin(self, daemon: Daemon, text: str = ASKED) -> list[Json]:
        """Request the calls and return the history with their results."""
        said = message(daemon.chat(text, tools=[TOOL]))
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": content}
            for call, content in zip(said["tool_calls"], ("blue", "grey"), strict=True)
        ]
        return [*user(text), said, *results]

    def continue_response(self, daemon: Daemon, history: list[Json]) -> tuple[ComparableAnswer, str]:
        """Send the results; return the answer and whether the turn was resumed or replayed."""
        names = ("resumed", "replayed")
        before = {name: daemon.metric(f"codexd_turn_{name}_total") for name in names}
        answer = comparable(daemon.chat(history, tools=[TOOL]))
        (way,) = (name for name in names if daemon.metric(f"codexd_turn_{name}_total") > before[name])
        return answer, way


class SuspensionTests(SuspensionTestCase):
    daemon_setup = DaemonSetup(account=True)

    def test_results_resume_the_suspended_turn(self) -> None:
        daemon = self.daemon
        waiting = daemon.metric("codexd_turns_suspended")
        # A unique prompt: a suspended turn of another test must not match it.
        history = self.begin(daemon, 'call: look {"at":"shore"}\ncall: look {"at":"sand"}')
        self.assertEqual(daemon.metric("codexd_turns_suspended"), waiting + 1)
        before = daemon.last_provider_request
        answer, way = self.continue_response(daemon, history)
        self.assertEqual((answer.message["content"], way), (ANSWER, "resumed"))
        self.assertEqual(daemon.metric("codexd_turns_suspended"), waiting)
        after = daemon.last_provider_request
        self.assertEqual(after["prompt_cache_key"], before["prompt_cache_key"])
        self.assertEqual([item["type"] for item in provider_requests.items(after)][-2:], ["function_call_output"] * 2)

    def test_arguments_that_a_client_writes_again_resume_it(self) -> None:
        history = self.begin(
            self.daemon, 'call: look {"at": "pi\u00e8r", "deg": [1.50, 1], "ok": true}\ncall: look {"at":"bay"}'
        )
        for call in history[1]["tool_calls"]:
            arguments = stdlib_json.loads(call["function"]["arguments"])
            call["function"]["arguments"] = stdlib_json.dumps(dict(reversed(arguments.items())), indent=2)
        answer, way = self.continue_response(self.daemon, history)
        self.assertEqual((answer.message["content"], way), (ANSWER, "resumed"))

    def test_arguments_that_a_client_changes_are_replayed(self) -> None:
        history = self.begin(self.daemon, 'call: look {"at": 1.0}\ncall: look {"at": "cove"}')
        history[1]["tool_calls"][0]["function"]["arguments"] = '{"at": 1}'
        self.assertEqual(self.continue_response(self.daemon, history)[1], "replayed")

    def test_items_that_a_responses_client_writes_again_resume_it(self) -> None:
        tool = {"type": "function", **TOOL["function"]}
        text = user('call: look {"at": "p\u00e9", "deg": 2.50}')
        first = self.daemon.post(
            RESPONSES, {"model": self.daemon.model, "input": text, "tools": [tool], "store": False}
        ).json
        (call,) = first["output"]
        call["arguments"] = stdlib_json.dumps(
            stdlib_json.loads(call["arguments"]), sort_keys=True, separators=(" , ", " : ")
        )
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "blue"}
        before = self.daemon.metric("codexd_turn_resumed_total")
        body = {"model": self.daemon.model, "input": [*text, call, output], "tools": [tool], "store": False}
        self.assertEqual(self.daemon.post(RESPONSES, body).json["status"], "completed")
        self.assertEqual(self.daemon.metric("codexd_turn_resumed_total"), before + 1)

    def test_results_in_another_order_resume_it(self) -> None:
        question, said, first, second = self.begin(self.daemon)
        answer, way = self.continue_response(self.daemon, [question, said, second, first])
        self.assertEqual((answer.message["content"], way), (ANSWER, "resumed"))

    def test_the_same_results_again_are_replayed_with_the_same_answer(self) -> None:
        history = self.begin(self.daemon)
        resumed, first = self.continue_response(self.daemon, history)
        replayed, second = self.continue_response(self.daemon, history)
        self.assertEqual((first, second), ("resumed", "replayed"))
        self.assertEqual(resumed, replayed)

    def test_an_edited_history_is_replayed(self) -> None:
        history = self.begin(self.daemon)
        edited = [{"role": "system", "content": "Be brief."}, *history]
        answer, way = self.continue_response(self.daemon, edited)
        self.assertEqual((answer.message["content"], way), (ANSWER, "replayed"))
        self.assertEqual(provider_requests.texts(self.daemon.last_provider_request)[0], ("developer", "Be brief."))

    def test_a_result_of_one_call_alone_is_replayed(self) -> None:
        question, said, first, _ = self.begin(self.daemon)
        one = said | {"tool_calls": said["tool_calls"][:1]}
        answer, way = self.continue_response(self.daemon, [question, one, first])
        self.assertEqual((answer.message["content"], way), ("tool said: blue", "replayed"))

    def test_several_rounds_stay_on_one_turn(self) -> None:
        text = 'call: look {"at":"sea"}\nthen: call: look {"at":"sky"}\nthen: say: seen'
        said = message(self.daemon.chat(text, tools=[TOOL]))
        history = user(text)
        for content in ("blue", "grey"):
            result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": content}
            history = [*history, said, result]
            answer, way = self.continue_response(self.daemon, history)
            self.assertEqual(way, "resumed")
            said = answer.message
        self.assertEqual(said["content"], "seen")

    def test_results_at_the_responses_endpoint_resume_it_with_or_without_reasoning(self) -> None:
        daemon = self.daemon
        tools = [{"type": "function", **TOOL["function"]}]
        asked = {"model": daemon.model, "tools": tools, "store": False}
        for dropped in ((), ("reasoning",)):
            history: list[Json] = user(f"thinking: where\n{ASKED}")
            output = daemon.post(RESPONSES, asked | {"input": history}).json["output"]
            for item in output:
                history += [item] if item["type"] not in dropped else []
            for call, content in zip(output[1:], ("blue", "grey"), strict=True):
                result = {"type": "function_call_output", "call_id": call["call_id"], "output": content}
                history.append(result)
            before = daemon.metric("codexd_turn_resumed_total")
            (spoken,) = daemon.post(RESPONSES, asked | {"input": history}).json["output"]
            self.assertEqual(spoken["content"][0]["text"], ANSWER)
            self.assertEqual(daemon.metric("codexd_turn_resumed_total"), before + 1)

    def test_a_killed_child_s_turn_is_replayed_with_the_same_answer(self) -> None:
        daemon = self.daemon
        resumed, _ = self.continue_response(daemon, self.begin(daemon))
        history = self.begin(daemon)
        (child,) = daemon.children
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: daemon.replaced(child), "another child")
        self.assertEqual(self.continue_response(daemon, history), (resumed, "replayed"))

    def test_a_restarted_daemon_replays_with_the_same_answer(self) -> None:
        daemon = self.daemon
        resumed, _ = self.continue_response(daemon, self.begin(daemon))
        history = self.begin(daemon)
        daemon.end(signal.SIGTERM)
        daemon.start().await_ready()
        self.assertEqual(self.continue_response(daemon, history), (resumed, "replayed"))


class ExpiryTests(SuspensionTestCase):
    daemon_setup = DaemonSetup(
        account=True, settings="[turns]\nsuspend_seconds = 1\nsuspend_limit = 2\naffinity = false\n"
    )

    def expired(self) -> float:
        return self.daemon.metric("codexd_turn_expired_total")

    def test_an_expired_turn_is_replayed_with_the_same_answer(self) -> None:
        daemon = self.daemon
        resumed, _ = self.continue_response(daemon, self.begin(daemon))
        before, history = self.expired(), self.begin(daemon)
        wait_until(lambda: self.expired() == before + 1, "expired")
        self.assertEqual(daemon.metric("codexd_turns_suspended"), 0)
        self.assertEqual(self.continue_response(daemon, history), (resumed, "replayed"))

    def test_the_oldest_suspended_turn_is_dropped_over_the_limit(self) -> None:
        before = self.expired()
        histories = [self.begin(self.daemon, f"{ASKED}\nthen: say: {number}") for number in range(3)]
        self.assertGreaterEqual(self.expired(), before + 1)
        for number, history in enumerate(histories):
            answer, way = self.continue_response(self.daemon, history)
            self.assertEqual(answer.message["content"], str(number))
            if number == 0:
                self.assertEqual(way, "replayed")
