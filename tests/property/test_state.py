"""State as a whole: whatever clients do, and whatever dies, in any order, it is as plain Python remembers it.

Every model is shown exactly the history that it must be shown, and every GET gives what must be there; for
anybody else there is nothing.
"""

import tempfile
from pathlib import Path
from shutil import rmtree

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.json import Json
from tests.support import seen, shown
from tests.support.memory import Answer, Item, Memory, Room, said, user
from tests.support.stack import Stack
from tests.support.tables import MEMORY
from tests.support.web import Connection, Response

OWNERS = ("mine", "yours")
OWNER = st.sampled_from(("mine", "mine", "yours"))
FIELDS: Json = {
    "whole": {},
    "streamed": {"stream": True},
    "forgotten": {"store": False},
    "background": {"background": True},
}
MODE = st.sampled_from(("whole", "streamed", "background", "background", "forgotten"))
RESPONSES, CONVERSATIONS = "/v1/responses", "/v1/conversations"


class StateMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.memory = Memory()
        self.made = 0
        self.stack = Stack(self.folder, OWNERS)
        self.converse("mine", 2)

    def teardown(self) -> None:
        self.nobody_else_sees_any_of_it()
        self.stack.kill()
        rmtree(self.folder)

    # What is asked.

    @rule(data=st.data(), owner=OWNER, mode=MODE)
    def ask(self, data: st.DataObject, owner: str, mode: str) -> None:
        self._ask(data, owner, mode, None)

    @rule(data=st.data(), owner=OWNER, mode=MODE)
    def ask_on_from_anything(self, data: st.DataObject, owner: str, mode: str) -> None:
        origins = [*self.memory.answers, *self.memory.rooms]
        self._ask(data, owner, mode, data.draw(st.sampled_from(origins)))

    @precondition(lambda self: self.memory.fit)
    @rule(data=st.data(), mode=MODE, last=st.booleans())
    def go_on(self, data: st.DataObject, mode: str, last: bool) -> None:
        fit = self.memory.fit[-1:] if last else self.memory.fit
        origin = data.draw(st.sampled_from(fit))
        self._ask(data, origin.owner, mode, origin)

    @precondition(lambda self: self.memory.open)
    @rule(data=st.data(), mode=MODE)
    def answer_in(self, data: st.DataObject, mode: str) -> None:
        origin = data.draw(st.sampled_from(self.memory.open))
        self._ask(data, origin.owner, mode, origin)

    def _ask(self, data: st.DataObject, owner: str, mode: str, origin: Answer | Room | None) -> None:
        self.made += 1
        ids = [item.id for one in self.memory.answers for item in one.told]
        named = data.draw(st.sampled_from(ids)) if ids and data.draw(st.integers(0, 3)) == 3 else None
        body, answer = self.memory.request(owner, origin, named, f"one two three {self.made}", FIELDS[mode])
        before = self.stack.turns
        connection = self.stack.begin("POST", RESPONSES, body, owner)
        if answer is None:
            shown.is_refused(connection.response)
            return
        (answer.thread,) = self.stack.turns - before
        if mode == "background":
            assert connection.response.json["status"] == "queued"
            self._begun(answer, connection.response.json)
        else:
            self._await(answer, connection, mode)

    def _await(self, answer: Answer, connection: Connection, mode: str) -> None:
        self.stack.finish(answer.thread)
        told = shown.told(connection.response)
        self._has_seen(answer)
        assert (told["status"], shown.text(told)) == ("completed", answer.whole)
        again = self._get(f"{RESPONSES}/{told['id']}", answer.owner)
        if mode == "forgotten":
            assert again.status == 404
        else:
            assert again.json == told
            self._begun(answer, told)
            answer.end("completed", shown.items(told))

    def _begun(self, answer: Answer, told: Json) -> None:
        answer.id = told["id"]
        self.memory.answers.append(answer)

    def _has_seen(self, answer: Answer) -> None:
        was_shown = seen.texts(self.stack.asked(f"say: {answer.whole}"))
        assert was_shown == answer.shown, was_shown

    # What happens to answers.

    @precondition(lambda self: self.memory.running)
    @rule(data=st.data(), messages=st.sampled_from((2, 8, 100, 100)))
    def proceed(self, data: st.DataObject, messages: int) -> None:
        answer = data.draw(st.sampled_from(self.memory.running))
        thread, turns = answer.thread, self.stack.turns
        for _ in range(messages):
            self.stack.proceed(thread)
        if self._get(f"{RESPONSES}/{answer.id}", answer.owner).json["status"] == "completed":
            self._has_seen(answer)
            self._over(answer, "completed")
            assert said(answer.told) == [("assistant", answer.whole)]
            self.stack.finish(thread)
        else:
            assert self.stack.turns == turns, "it must be over"

    @precondition(lambda self: self.memory.answers)
    @rule(data=st.data(), owner=OWNER)
    def cancel(self, data: st.DataObject, owner: str) -> None:
        answer = data.draw(st.sampled_from(self.memory.running or self.memory.answers))
        response = self.stack.ask("POST", f"{RESPONSES}/{answer.id}/cancel", None, owner)
        if answer.gone or answer.owner != owner:
            assert response.status == 404
        elif not answer.background:
            assert response.status == 400
        else:
            if answer.thread is not None:
                self._over(answer, "cancelled")
            assert response.json == self._get(f"{RESPONSES}/{answer.id}", owner).json

    @precondition(lambda self: self.memory.answers)
    @rule(data=st.data(), owner=OWNER)
    def delete(self, data: st.DataObject, owner: str) -> None:
        answer = data.draw(st.sampled_from(self.memory.answers))
        there = answer.owner == owner and not answer.gone
        if there and answer.thread is not None:
            self.stack.ask("POST", f"{RESPONSES}/{answer.id}/cancel", None, owner)
            self._over(answer, "cancelled")
        response = self.stack.ask("DELETE", f"{RESPONSES}/{answer.id}", None, owner)
        assert response.status == (200 if there else 404)
        answer.gone = answer.gone or there

    @precondition(lambda self: any(one.background and not one.thread for one in self.memory.answers))
    @rule(data=st.data(), after=st.integers(0, 4))
    def follow(self, data: st.DataObject, after: int) -> None:
        over = [one for one in self.memory.answers if one.background and not one.thread]
        answer = data.draw(st.sampled_from(over))
        path = f"{RESPONSES}/{answer.id}"
        response = self._get(f"{path}?stream=true&starting_after={after}", answer.owner)
        if answer.gone:
            assert response.status == 404
            return
        numbers = [event["sequence_number"] for event in response.events]
        assert numbers == list(range(after + 1, after + 1 + len(numbers))), numbers
        last = response.events[-1] if numbers else None
        assert last is None or last["response"] == self._get(path, answer.owner).json

    def _over(self, answer: Answer, status: str) -> None:
        """Take note of an end; what was said is as much as was said."""
        now = self._get(f"{RESPONSES}/{answer.id}", answer.owner).json
        assert answer.whole.startswith(shown.text(now))
        answer.end(status, shown.items(now))

    # Conversations.

    @rule(owner=OWNER, messages=st.integers(0, 2))
    def converse(self, owner: str, messages: int) -> None:
        items = self._items(messages)
        body = {"items": [user(text) for _, text in said(items)], "metadata": {"made": str(self.made)}}
        made = self.stack.ask("POST", CONVERSATIONS, body, owner).json
        self.memory.rooms.append(Room(made["id"], owner, made["metadata"], items))

    @rule(data=st.data(), owner=OWNER, act=st.sampled_from(("add", "add", "take out", "update", "end")))
    def change(self, data: st.DataObject, owner: str, act: str) -> None:
        room = data.draw(st.sampled_from(self.memory.rooms))
        there = room.owner == owner and not room.gone
        path = f"{CONVERSATIONS}/{room.id}"
        if act == "add":
            items = self._items(1)
            body = {"items": [user(text) for _, text in said(items)]}
            done = self.stack.ask("POST", f"{path}/items", body, owner)
            room.add(items if there else [])
        elif act == "take out":
            held = self._get(f"{path}/items?order=asc&limit=100", room.owner).json.get("data", ())
            if not held:
                return
            place = data.draw(st.integers(0, len(held) - 1))
            done = self.stack.ask("DELETE", f"{path}/items/{held[place]['id']}", None, owner)
            room.items[place : place + there] = []
        elif act == "update":
            metadata = {"made": str(self.made)}
            done = self.stack.ask("POST", path, {"metadata": metadata}, owner)
            room.metadata = metadata if there else room.metadata
        else:
            done = self.stack.ask("DELETE", path, None, owner)
            room.gone = room.gone or there
        assert done.status == (200 if there else 404), (act, done.body)

    def _items(self, count: int) -> list[Item]:
        self.made += 1
        return [Item(("user", f"said {self.made}.{number}")) for number in range(count)]

    # What dies.

    @rule()
    def kill_the_child(self) -> None:
        cut = self.memory.running
        self.stack.kill_child()
        for answer in cut:
            self._over(answer, "failed")

    @rule(how=st.sampled_from(("killed", "stopped")))
    def restart(self, how: str) -> None:
        cut = self.memory.running
        (self.stack.kill if how == "killed" else self.stack.stop)()
        self.stack = Stack(self.folder, OWNERS)
        for answer in cut:
            self._over(answer, "failed")
            assert how == "stopped" or not answer.told

    # What holds.

    @invariant()
    def what_is_kept_is_shown_as_it_stands(self) -> None:
        for answer in self.memory.answers:
            path = f"{RESPONSES}/{answer.id}"
            response = self._get(path, answer.owner)
            listed = self._get(f"{path}/input_items?order=asc&limit=100", answer.owner)
            if answer.gone:
                assert (response.status, listed.status) == (404, 404)
            else:
                shown.stands(answer, response.json)
                assert shown.page(listed.json) == said([*answer.before, *answer.own])
        for room in self.memory.rooms:
            path = f"{CONVERSATIONS}/{room.id}"
            response = self._get(path, room.owner)
            listed = self._get(f"{path}/items?order=asc&limit=100", room.owner)
            if room.gone:
                assert (response.status, listed.status) == (404, 404)
            else:
                assert response.json["metadata"] == room.metadata
                assert shown.page(listed.json) == said(room.items)

    def nobody_else_sees_any_of_it(self) -> None:
        for answer in self.memory.answers:
            (other,) = {*OWNERS} - {answer.owner}
            for under in ("", "/input_items", "?stream=true"):
                assert self._get(f"{RESPONSES}/{answer.id}{under}", other).status == 404
        for room in self.memory.rooms:
            (other,) = {*OWNERS} - {room.owner}
            for under in ("", "/items"):
                assert self._get(f"{CONVERSATIONS}/{room.id}{under}", other).status == 404

    @invariant()
    def nothing_of_ours_broke(self) -> None:
        assert self.stack.figure("internal_error") == 0
        assert self.stack.figure("background_running") == len(self.memory.running)

    def _get(self, path: str, owner: str) -> Response:
        return self.stack.ask("GET", path, None, owner)


class LawTests(SynchronousTestCase):
    def test_what_is_remembered_is_what_plain_python_remembers(self) -> None:
        run_state_machine_as_test(
            StateMachine, settings=settings(max_examples=25, stateful_step_count=40, deadline=None)
        )
