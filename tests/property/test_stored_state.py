"""Stored state against a reference in plain Python, under any sequence of requests, crashes and restarts.

Every model receives exactly the expected history, every GET returns the expected body, and other clients
get 404.
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
from tests.support import client_responses, provider_requests
from tests.support.in_memory_daemon import InMemoryDaemon
from tests.support.in_memory_server import Connection, Response
from tests.support.inline_executor import MEMORY_FOLDER
from tests.support.reference_state import (
    ReferenceConversation,
    ReferenceItem,
    ReferenceResponse,
    ReferenceState,
    contents,
    user,
)

OWNERS = ("mine", "yours")
OWNER = st.sampled_from(("mine", "mine", "yours"))
FIELDS: Json = {
    "json": {},
    "streamed": {"stream": True},
    "unstored": {"store": False},
    "background": {"background": True},
}
MODE = st.sampled_from(("json", "streamed", "background", "background", "unstored"))
RESPONSES, CONVERSATIONS = "/v1/responses", "/v1/conversations"


class StoredStateMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY_FOLDER))
        self.reference = ReferenceState()
        self.counter = 0
        self.daemon = InMemoryDaemon(self.folder, OWNERS)
        self.create_conversation("mine", 2)

    def teardown(self) -> None:
        self.other_clients_get_404()
        self.daemon.kill()
        rmtree(self.folder)

    # Requests for responses.

    @rule(data=st.data(), owner=OWNER, mode=MODE)
    def create(self, data: st.DataObject, owner: str, mode: str) -> None:
        self._create(data, owner, mode, None)

    @rule(data=st.data(), owner=OWNER, mode=MODE)
    def continue_anything(self, data: st.DataObject, owner: str, mode: str) -> None:
        origins = [*self.reference.responses, *self.reference.conversations]
        self._create(data, owner, mode, data.draw(st.sampled_from(origins)))

    @precondition(lambda self: self.reference.continuable)
    @rule(data=st.data(), mode=MODE, last=st.booleans())
    def continue_response(self, data: st.DataObject, mode: str, last: bool) -> None:
        continuable = self.reference.continuable[-1:] if last else self.reference.continuable
        origin = data.draw(st.sampled_from(continuable))
        self._create(data, origin.owner, mode, origin)

    @precondition(lambda self: self.reference.open_conversations)
    @rule(data=st.data(), mode=MODE)
    def continue_conversation(self, data: st.DataObject, mode: str) -> None:
        origin = data.draw(st.sampled_from(self.reference.open_conversations))
        self._create(data, origin.owner, mode, origin)

    def _create(
        self,
        data: st.DataObject,
        owner: str,
        mode: str,
        origin: ReferenceResponse | ReferenceConversation | None,
    ) -> None:
        self.counter += 1
        ids = [item.id for one in self.reference.responses for item in one.output]
        reference_id = data.draw(st.sampled_from(ids)) if ids and data.draw(st.integers(0, 3)) == 3 else None
        body, answer = self.reference.request(
            owner, origin, reference_id, f"one two three {self.counter}", FIELDS[mode]
        )
        before = self.daemon.turns
        connection = self.daemon.begin("POST", RESPONSES, body, owner)
        if answer is None:
            client_responses.assert_refused(connection.response)
            return
        (answer.thread,) = self.daemon.turns - before
        if mode == "background":
            assert connection.response.json["status"] == "queued"
            self._record_start(answer, connection.response.json)
        else:
            self._finish(answer, connection, mode)

    def _finish(self, answer: ReferenceResponse, connection: Connection, mode: str) -> None:
        self.daemon.finish(answer.thread)
        body = client_responses.final_response(connection.response)
        self._check_model_input(answer)
        assert (body["status"], client_responses.text(body)) == ("completed", answer.full_text)
        again = self._get(f"{RESPONSES}/{body['id']}", answer.owner)
        if mode == "unstored":
            assert again.status == 404
        else:
            assert again.json == body
            self._record_start(answer, body)
            answer.end("completed", client_responses.items(body))

    def _record_start(self, answer: ReferenceResponse, body: Json) -> None:
        answer.id = body["id"]
        self.reference.responses.append(answer)

    def _check_model_input(self, answer: ReferenceResponse) -> None:
        received = provider_requests.texts(self.daemon.provider_request(f"say: {answer.full_text}"))
        assert received == answer.expected_input, received

    # Running and finished responses.

    @precondition(lambda self: self.reference.running)
    @rule(data=st.data(), messages=st.sampled_from((2, 8, 100, 100)))
    def proceed(self, data: st.DataObject, messages: int) -> None:
        answer = data.draw(st.sampled_from(self.reference.running))
        thread, turns = answer.thread, self.daemon.turns
        for _ in range(messages):
            self.daemon.proceed(thread)
        if self._get(f"{RESPONSES}/{answer.id}", answer.owner).json["status"] == "completed":
            self._check_model_input(answer)
            self._record_end(answer, "completed")
            assert contents(answer.output) == [("assistant", answer.full_text)]
            self.daemon.finish(thread)
        else:
            assert self.daemon.turns == turns, "the turn must have ended"

    @precondition(lambda self: self.reference.responses)
    @rule(data=st.data(), owner=OWNER)
    def cancel(self, data: st.DataObject, owner: str) -> None:
        answer = data.draw(st.sampled_from(self.reference.running or self.reference.responses))
        response = self.daemon.request("POST", f"{RESPONSES}/{answer.id}/cancel", None, owner)
        if answer.deleted or answer.owner != owner:
            assert response.status == 404
        elif not answer.background:
            assert response.status == 400
        else:
            if answer.thread is not None:
                self._record_end(answer, "cancelled")
            assert response.json == self._get(f"{RESPONSES}/{answer.id}", owner).json

    @precondition(lambda self: self.reference.responses)
    @rule(data=st.data(), owner=OWNER)
    def delete(self, data: st.DataObject, owner: str) -> None:
        answer = data.draw(st.sampled_from(self.reference.responses))
        exists = answer.owner == owner and not answer.deleted
        if exists and answer.thread is not None:
            self.daemon.request("POST", f"{RESPONSES}/{answer.id}/cancel", None, owner)
            self._record_end(answer, "cancelled")
        response = self.daemon.request("DELETE", f"{RESPONSES}/{answer.id}", None, owner)
        assert response.status == (200 if exists else 404)
        answer.deleted = answer.deleted or exists

    @precondition(lambda self: any(one.background and not one.thread for one in self.reference.responses))
    @rule(data=st.data(), after=st.integers(0, 4))
    def follow(self, data: st.DataObject, after: int) -> None:
        over = [one for one in self.reference.responses if one.background and not one.thread]
        answer = data.draw(st.sampled_from(over))
        path = f"{RESPONSES}/{answer.id}"
        response = self._get(f"{path}?stream=true&starting_after={after}", answer.owner)
        if answer.deleted:
            assert response.status == 404
            return
        numbers = [event["sequence_number"] for event in response.events]
        assert numbers == list(range(after + 1, after + 1 + len(numbers))), numbers
        last = response.events[-1] if numbers else None
        assert last is None or last["response"] == self._get(path, answer.owner).json

    def _record_end(self, answer: ReferenceResponse, status: str) -> None:
        """Record the end of a response with the output that it has now."""
        now = self._get(f"{RESPONSES}/{answer.id}", answer.owner).json
        assert answer.full_text.startswith(client_responses.text(now))
        answer.end(status, client_responses.items(now))

    # Conversations.

    @rule(owner=OWNER, messages=st.integers(0, 2))
    def create_conversation(self, owner: str, messages: int) -> None:
        items = self._items(messages)
        body = {
            "items": [user(text) for _, text in contents(items)],
            "metadata": {"number": str(self.counter)},
        }
        created = self.daemon.request("POST", CONVERSATIONS, body, owner).json
        self.reference.conversations.append(
            ReferenceConversation(id=created["id"], owner=owner, metadata=created["metadata"], items=items)
        )

    @rule(data=st.data(), owner=OWNER, act=st.sampled_from(("add", "add", "remove", "update", "delete")))
    def change_conversation(self, data: st.DataObject, owner: str, act: str) -> None:
        conversation = data.draw(st.sampled_from(self.reference.conversations))
        exists = conversation.owner == owner and not conversation.deleted
        path = f"{CONVERSATIONS}/{conversation.id}"
        if act == "add":
            items = self._items(1)
            body = {"items": [user(text) for _, text in contents(items)]}
            done = self.daemon.request("POST", f"{path}/items", body, owner)
            conversation.add(items if exists else [])
        elif act == "remove":
            items_now = self._get(f"{path}/items?order=asc&limit=100", conversation.owner).json.get("data", ())
            if not items_now:
                return
            place = data.draw(st.integers(0, len(items_now) - 1))
            done = self.daemon.request("DELETE", f"{path}/items/{items_now[place]['id']}", None, owner)
            conversation.items[place : place + exists] = []
        elif act == "update":
            metadata = {"number": str(self.counter)}
            done = self.daemon.request("POST", path, {"metadata": metadata}, owner)
            conversation.metadata = metadata if exists else conversation.metadata
        else:
            done = self.daemon.request("DELETE", path, None, owner)
            conversation.deleted = conversation.deleted or exists
        assert done.status == (200 if exists else 404), (act, done.body)

    def _items(self, count: int) -> list[ReferenceItem]:
        self.counter += 1
        return [ReferenceItem(("user", f"said {self.counter}.{number}")) for number in range(count)]

    # Crashes and restarts.

    @rule()
    def kill_child(self) -> None:
        interrupted = self.reference.running
        self.daemon.kill_child()
        for answer in interrupted:
            self._record_end(answer, "failed")

    @rule(how=st.sampled_from(("killed", "stopped")))
    def restart(self, how: str) -> None:
        interrupted = self.reference.running
        (self.daemon.kill if how == "killed" else self.daemon.stop)()
        self.daemon = InMemoryDaemon(self.folder, OWNERS)
        for answer in interrupted:
            self._record_end(answer, "failed")
            assert how == "stopped" or not answer.output

    # Invariants.

    @invariant()
    def every_get_returns_the_reference_state(self) -> None:
        for answer in self.reference.responses:
            path = f"{RESPONSES}/{answer.id}"
            response = self._get(path, answer.owner)
            listed = self._get(f"{path}/input_items?order=asc&limit=100", answer.owner)
            if answer.deleted:
                assert (response.status, listed.status) == (404, 404)
            else:
                client_responses.assert_matches(answer, response.json)
                assert client_responses.page(listed.json) == contents([*answer.before, *answer.input])
        for conversation in self.reference.conversations:
            path = f"{CONVERSATIONS}/{conversation.id}"
            response = self._get(path, conversation.owner)
            listed = self._get(f"{path}/items?order=asc&limit=100", conversation.owner)
            if conversation.deleted:
                assert (response.status, listed.status) == (404, 404)
            else:
                assert response.json["metadata"] == conversation.metadata
                assert client_responses.page(listed.json) == contents(conversation.items)

    def other_clients_get_404(self) -> None:
        for answer in self.reference.responses:
            (other,) = {*OWNERS} - {answer.owner}
            for under in ("", "/input_items", "?stream=true"):
                assert self._get(f"{RESPONSES}/{answer.id}{under}", other).status == 404
        for conversation in self.reference.conversations:
            (other,) = {*OWNERS} - {conversation.owner}
            for under in ("", "/items"):
                assert self._get(f"{CONVERSATIONS}/{conversation.id}{under}", other).status == 404

    @invariant()
    def no_internal_error_and_no_lost_background_response(self) -> None:
        assert self.daemon.metric("internal_error") == 0
        assert self.daemon.metric("background_running") == len(self.reference.running)

    def _get(self, path: str, owner: str) -> Response:
        return self.daemon.request("GET", path, None, owner)


class StoredStateTests(SynchronousTestCase):
    def test_stored_state_equals_the_reference_whatever_happens(self) -> None:
        run_state_machine_as_test(
            StoredStateMachine, settings=settings(settings.get_profile("daemons"), stateful_step_count=40)
        )
