"""Stored responses survive every end of child and daemon; interrupted ones are stored as failed."""

import os
import signal
from collections.abc import Callable
from typing import Any

import openai

from codexd.wire.json import Json
from tests.support import responses_stream
from tests.support.live_daemon import DaemonSetup, LiveTestCase
from tests.support.live_responses import NOTE, StoredResponsesTestCase, plain, result
from tests.support.processes import wait_until
from tests.support.provider_requests import texts

SAID = ["say: one", "one", "say: two", "two"]


class RestartTestCase(LiveTestCase):
    daemon_setup = DaemonSetup(account=True)

    def setUp(self) -> None:
        self.server = self.new_daemon().start().await_ready()

    def restart(self, sent: signal.Signals) -> None:
        """End the daemon and start it again on the same store."""
        self.server.end(sent)
        self.server.start().await_ready()

    def kill_child(self) -> None:
        (child,) = self.server.children
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: self.server.replaced(child), "another child")

    @property
    def responses(self) -> Any:
        return self.server.client().responses

    def ask(self, said: Any, **more: Any) -> Any:
        return self.responses.create(model=self.server.model, input=said, **more)

    def followed(self, id: str, **more: Any) -> list[Json]:
        with self.responses.retrieve(id, stream=True, **more) as stream:
            return plain(stream)

    def shown(self) -> list[str]:
        return [text for _, text in texts(self.server.last_provider_request)]


class StoredResponseTests(RestartTestCase):
    def test_stored_responses_survive_every_end_of_child_and_daemon(self) -> None:
        gone = self.ask("say: one")
        answer = self.ask("say: two", previous_response_id=gone.id)
        called = self.ask('thinking: which\ncall: note {"x":1}\nthen: say: noted', tools=[NOTE])
        with self.ask("think: aloud", background=True, stream=True) as stream:
            events = plain(stream)
        made = self.server.client().conversations.create(metadata={"a": "b"})
        self.responses.delete(gone.id)
        for end in self.ends:
            end()
            for one in (answer, called):
                self.assertEqual(self.responses.retrieve(one.id).to_dict(), one.to_dict())
            self.assertRaises(openai.NotFoundError, self.responses.retrieve, gone.id)
            listed = [item.content[0].text for item in self.responses.input_items.list(answer.id)]
            self.assertEqual(listed[::-1], SAID[:3])
            self.ask("say: three", previous_response_id=answer.id)
            self.assertEqual(self.shown(), [*SAID, "say: three"])
            given = [result(called.output[-1], "done")]
            noted = self.ask(given, previous_response_id=called.id, tools=[NOTE])
            self.assertEqual(noted.output_text, "noted")
            self.assertEqual(self.followed(events[0]["response"]["id"]), events)
            self.assertEqual(self.server.client().conversations.retrieve(made.id), made)
            self.ask("say: more", conversation=made.id)
        self.assertEqual(self.shown(), ["say: more", "more"] * 2 + ["say: more"])

    @property
    def ends(self) -> tuple[Callable[[], None], ...]:
        """Every way in which in-memory state is lost."""
        return (
            self.kill_child,
            lambda: self.restart(signal.SIGTERM),
            lambda: self.restart(signal.SIGKILL),
        )


class InterruptedResponseTests(RestartTestCase):
    def test_a_killed_daemon_leaves_running_background_responses_failed(self) -> None:
        running = self.ask("slow: 400", background=True)
        wait_until(lambda: self.responses.retrieve(running.id).output_text, "it has begun")
        with self.responses.retrieve(running.id, stream=True) as stream:
            last = next(stream).sequence_number
        self.restart(signal.SIGKILL)
        cut = self.responses.retrieve(running.id)
        self.assertEqual((cut.status, cut.error.code), ("failed", "server_error"))
        events = self.followed(running.id)
        responses_stream.check(events)
        self.assertEqual(events[-1]["type"], "response.failed")
        self.assertEqual(events[-1]["response"], cut.to_dict(mode="json"))
        for after in (last, 1000):
            rest = self.followed(running.id, starting_after=after)
            self.assertEqual([event["type"] for event in rest][-1:], ["response.failed"])
            self.assertGreater(rest[0]["sequence_number"], after)
        self.assertEqual(self.responses.cancel(running.id).status, "failed")
        self.assertEqual(self.ask("say: on", previous_response_id=running.id).output_text, "on")

    def test_a_response_fails_once_when_its_child_dies(self) -> None:
        running = self.ask("slow: 400", background=True, stream=True)
        self.addCleanup(running.close)
        events = plain([next(running)])
        id = events[0]["response"]["id"]
        wait_until(lambda: self.responses.retrieve(id).output_text, "it has begun")
        self.kill_child()
        events += plain(running)
        responses_stream.check(events)
        self.assertEqual(events[-1]["type"], "response.failed")
        self.assertEqual(self.responses.retrieve(id).status, "failed")
        self.assertEqual(self.followed(id), events)


class DrainTests(RestartTestCase):
    daemon_setup = DaemonSetup(account=True, settings="[codex]\ndrain_seconds = 4\n")

    def test_a_stopping_daemon_finishes_responses_in_time_and_fails_the_rest(self) -> None:
        short, long = (self.ask(f"slow: {words}", background=True) for words in (30, 400))
        wait_until(lambda: self.responses.retrieve(long.id).output_text, "it has begun")
        self.restart(signal.SIGTERM)
        final, cut = (self.responses.retrieve(running.id) for running in (short, long))
        self.assertEqual((final.status, cut.status), ("completed", "failed"))
        self.assertTrue(final.output_text.endswith("word30"))
        self.assertTrue(cut.output_text.startswith("word1"))
        for response in (final, cut):
            events = self.followed(response.id)
            responses_stream.check(events)
            self.assertEqual(events[-1]["response"], response.to_dict(mode="json"))


class StoreLockTests(StoredResponsesTestCase):
    def test_a_second_daemon_on_the_same_store_does_not_start(self) -> None:
        store = self.daemon.folder / "state" / "codexd" / "responses.sqlite3"
        self.assertTrue(store.exists())
        second = self.new_daemon(DaemonSetup(settings=f'[responses]\ndatabase = "{store}"\n')).start()
        self.assertNotEqual(second.end(), 0)
        second.await_log("in use by another codexd")
        self.assertTrue(self.daemon.ready)
