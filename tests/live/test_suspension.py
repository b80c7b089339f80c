"""Tool results go to the very turn that waits for them; when it is gone, the client can't tell."""

import os
import signal

from attrs import frozen

from codexd.wire.json import Json
from tests.support import seen
from tests.support.live import RESPONSES, Daemon, LiveTestCase, Setup, message, user
from tests.support.loopback import Answer
from tests.support.system import until

TOOL: Json = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}},
}
ASKED = 'call: look {"at":"sea"}\ncall: look {"at":"sky"}'
ANSWER = "tool said: blue | grey"


@frozen
class Told:
    """What of an answer a client may compare."""

    message: Json
    finish: str
    usage: Json


def told(answer: Answer) -> Told:
    """Take it from a chat answer."""
    return Told(message(answer), answer.json["choices"][0]["finish_reason"], answer.json["usage"])


class SuspensionTestCase(LiveTestCase):
    """Asks a question that is answered with two calls, and brings their results."""

    def begin(self, daemon: Daemon, text: str = ASKED) -> list[Json]:
        """Give the history with the results of the calls that came."""
        said = message(daemon.chat(text, tools=[TOOL]))
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": content}
            for call, content in zip(said["tool_calls"], ("blue", "grey"), strict=True)
        ]
        return [*user(text), said, *results]

    def go_on(self, daemon: Daemon, history: list[Json]) -> tuple[Told, str]:
        """Bring the results; give the answer, and whether the turn was resumed or replayed."""
        names = ("resumed", "replayed")
        before = {name: daemon.metric(f"codexd_turn_{name}_total") for name in names}
        answer = told(daemon.chat(history, tools=[TOOL]))
        (way,) = (name for name in names if daemon.metric(f"codexd_turn_{name}_total") > before[name])
        return answer, way


class SuspensionTests(SuspensionTestCase):
    kind = Setup(account=True)

    def test_results_resume_the_turn_that_waits_for_them(self) -> None:
        daemon = self.daemon
        waiting = daemon.metric("codexd_turns_waiting")
        # A question of its own: one that another test left waiting would make room for its like.
        history = self.begin(daemon, 'call: look {"at":"shore"}\ncall: look {"at":"sand"}')
        self.assertEqual(daemon.metric("codexd_turns_waiting"), waiting + 1)
        before = daemon.asked
        answer, way = self.go_on(daemon, history)
        self.assertEqual((answer.message["content"], way), (ANSWER, "resumed"))
        self.assertEqual(daemon.metric("codexd_turns_waiting"), waiting)
        after = daemon.asked
        self.assertEqual(after["prompt_cache_key"], before["prompt_cache_key"])
        self.assertEqual([item["type"] for item in seen.items(after)][-2:], ["function_call_output"] * 2)

    def test_results_in_another_order_resume_it_too(self) -> None:
        question, said, first, second = self.begin(self.daemon)
        answer, way = self.go_on(self.daemon, [question, said, second, first])
        self.assertEqual((answer.message["content"], way), (ANSWER, "resumed"))

    def test_the_same_results_again_are_replayed_with_the_same_answer(self) -> None:
        history = self.begin(self.daemon)
        resumed, first = self.go_on(self.daemon, history)
        replayed, second = self.go_on(self.daemon, history)
        self.assertEqual((first, second), ("resumed", "replayed"))
        self.assertEqual(resumed, replayed)

    def test_an_edited_history_is_replayed_as_it_now_is(self) -> None:
        history = self.begin(self.daemon)
        edited = [{"role": "system", "content": "Be brief."}, *history]
        answer, way = self.go_on(self.daemon, edited)
        self.assertEqual((answer.message["content"], way), (ANSWER, "replayed"))
        self.assertEqual(seen.texts(self.daemon.asked)[0], ("developer", "Be brief."))

    def test_a_result_of_one_call_alone_is_replayed(self) -> None:
        question, said, first, _ = self.begin(self.daemon)
        one = said | {"tool_calls": said["tool_calls"][:1]}
        answer, way = self.go_on(self.daemon, [question, one, first])
        self.assertEqual((answer.message["content"], way), ("tool said: blue", "replayed"))

    def test_several_rounds_stay_on_one_turn(self) -> None:
        text = 'call: look {"at":"sea"}\nthen: call: look {"at":"sky"}\nthen: say: seen'
        said = message(self.daemon.chat(text, tools=[TOOL]))
        history = user(text)
        for content in ("blue", "grey"):
            result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": content}
            history = [*history, said, result]
            answer, way = self.go_on(self.daemon, history)
            self.assertEqual(way, "resumed")
            said = answer.message
        self.assertEqual(said["content"], "seen")

    def test_results_by_the_responses_door_resume_it_with_the_thoughts_or_without(self) -> None:
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
        resumed, _ = self.go_on(daemon, self.begin(daemon))
        history = self.begin(daemon)
        (child,) = daemon.children
        os.kill(child, signal.SIGKILL)
        until(lambda: daemon.replaced(child), "another child")
        self.assertEqual(self.go_on(daemon, history), (resumed, "replayed"))

    def test_a_restarted_daemon_replays_with_the_same_answer(self) -> None:
        daemon = self.daemon
        resumed, _ = self.go_on(daemon, self.begin(daemon))
        history = self.begin(daemon)
        daemon.end(signal.SIGTERM)
        daemon.start().await_ready()
        self.assertEqual(self.go_on(daemon, history), (resumed, "replayed"))


class ExpiryTests(SuspensionTestCase):
    kind = Setup(account=True, settings="[turns]\nsuspend_seconds = 1\nsuspend_limit = 2\naffinity = false\n")

    def expired(self) -> float:
        return self.daemon.metric("codexd_turn_expired_total")

    def test_a_turn_that_waited_too_long_is_replayed_with_the_same_answer(self) -> None:
        daemon = self.daemon
        resumed, _ = self.go_on(daemon, self.begin(daemon))
        before, history = self.expired(), self.begin(daemon)
        until(lambda: self.expired() == before + 1, "expired")
        self.assertEqual(daemon.metric("codexd_turns_waiting"), 0)
        self.assertEqual(self.go_on(daemon, history), (resumed, "replayed"))

    def test_of_too_many_that_wait_the_oldest_goes(self) -> None:
        before = self.expired()
        histories = [self.begin(self.daemon, f"{ASKED}\nthen: say: {number}") for number in range(3)]
        self.assertGreaterEqual(self.expired(), before + 1)
        for number, history in enumerate(histories):
            answer, way = self.go_on(self.daemon, history)
            self.assertEqual(answer.message["content"], str(number))
            if number == 0:
                self.assertEqual(way, "replayed")
