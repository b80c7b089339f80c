"""Background responses: they survive their client, are polled, followed and cancelled."""

from collections.abc import Iterator
from itertools import count, islice, pairwise
from typing import Any

import openai

from codexd.wire.json import Json
from tests.support import responses_stream
from tests.support.live_daemon import RESPONSES
from tests.support.live_responses import BACKGROUND_LIMIT, KEY, StoredResponsesTestCase, plain
from tests.support.processes import wait_until

ENDED = ("completed", "incomplete", "failed", "cancelled")


class BackgroundTestCase(StoredResponsesTestCase):
    def begin(self, said: Any, **more: Any) -> Any:
        """Create a background response; it is cancelled at the end of the test."""
        response = self.ask(said, background=True, **more)
        self.addCleanup(self.client.responses.cancel, response.id)
        return response

    def stream(self, said: str, events: int) -> list[Json]:
        """Create a streamed one, read this many events, and disconnect."""
        with self.ask(said, background=True, stream=True) as stream:
            return plain(islice(stream, events))

    def polled(self, id: str) -> Iterator[Any]:
        """Retrieve it until it has ended."""
        for _ in count():
            yield (response := self.client.responses.retrieve(id))
            if response.status in ENDED:
                return

    def rest(self, id: str, after: int | None = None) -> list[Json]:
        """Follow its stream to the end."""
        more = {} if after is None else {"starting_after": after}
        with self.client.responses.retrieve(id, stream=True, **more) as stream:
            return plain(stream)


class PollingTests(BackgroundTestCase):
    def test_it_is_queued_runs_grows_and_completes(self) -> None:
        queued = self.begin("slow: 12", metadata={"job": "1"})
        self.assertEqual((queued.status, queued.background, queued.output), ("queued", True, []))
        seen = list(self.polled(queued.id))
        statuses = list(dict.fromkeys(response.status for response in seen))
        self.assertEqual(statuses[-2:], ["in_progress", "completed"])
        for before, after in pairwise(seen):
            self.assertTrue(after.output_text.startswith(before.output_text))
        final = seen[-1]
        self.assertTrue(final.output_text.endswith("word12"))
        self.assertEqual((final.metadata, final.usage.output_tokens), ({"job": "1"}, 12))

    def test_it_can_be_continued_only_after_its_end(self) -> None:
        running = self.begin("slow: 8")
        error = self.refused(openai.BadRequestError, self.continue_response, running, "say: more")
        self.assertEqual((error["code"], error["param"]), ("response_in_progress", "previous_response_id"))
        *_, final = self.polled(running.id)
        self.assertEqual(self.continue_response(running, "say: more").output_text, "more")
        self.assertEqual(self.shown[1], ("assistant", final.output_text))

    def test_a_failed_one_stays_with_its_error(self) -> None:
        for said, status, code in (
            ("fail: 500", "failed", "server_error"),
            ("incomplete: content_filter no", "incomplete", None),
        ):
            *_, final = self.polled(self.begin(said).id)
            self.assertEqual(final.status, status)
            self.assertEqual(final.error and final.error.code, code)

    def test_the_number_of_running_ones_is_limited(self) -> None:
        running = [self.begin("hang:") for _ in range(BACKGROUND_LIMIT)]
        busy = self.assertRaises(openai.RateLimitError, self.ask, "say: hi", background=True)
        self.assertEqual((busy.status_code, busy.code), (429, "rate_limit_exceeded"))
        self.assertTrue(busy.response.headers["retry-after"])
        self.assertEqual(self.ask("say: the others are served").status, "completed")
        self.client.responses.cancel(running[0].id)
        self.begin("say: hi")

    def test_it_must_be_stored(self) -> None:
        error = self.refused(openai.BadRequestError, self.ask, "hi", background=True, store=False)
        self.assertEqual(error["param"], "background")


class FollowingTests(BackgroundTestCase):
    def test_a_disconnected_client_gets_exactly_the_rest(self) -> None:
        had = self.stream("slow: 25", 7)
        id = had[0]["response"]["id"]
        self.assertIn(self.client.responses.retrieve(id).status, ("queued", "in_progress"))
        running = self.rest(id, had[-1]["sequence_number"])
        self.assertEqual(self.rest(id, had[-1]["sequence_number"]), running)
        whole = self.rest(id)
        self.assertEqual([*had, *running], whole)
        self.assertEqual([event["sequence_number"] for event in whole], list(range(len(whole))))
        responses_stream.check(whole)
        final = self.client.responses.retrieve(id).to_dict(mode="json")
        self.assertEqual(whole[-1]["response"], final)
        self.assertEqual(responses_stream.accumulate(whole)["output"], final["output"])

    def test_nothing_follows_the_last_event(self) -> None:
        *_, last = self.stream("say: one", 100)
        self.assertEqual(last["type"], "response.completed")
        self.assertEqual(self.rest(last["response"]["id"], last["sequence_number"]), [])
        self.assertEqual(self.rest(last["response"]["id"], last["sequence_number"] - 1), [last])

    def test_several_clients_follow_one_live(self) -> None:
        id = self.stream("slow: 15", 1)[0]["response"]["id"]
        with (
            self.client.responses.retrieve(id, stream=True) as one,
            self.client.responses.retrieve(id, stream=True) as other,
        ):
            self.assertEqual([plain([a]) for a in one], [plain([b]) for b in other])

    def test_the_stream_helper_resumes_one(self) -> None:
        had = self.stream("slow: 15", 3)
        id = had[0]["response"]["id"]
        with self.client.responses.stream(response_id=id, starting_after=2) as stream:
            final = stream.get_final_response()
        self.assertEqual(final.output_text, self.client.responses.retrieve(id).output_text)

    def test_only_background_responses_can_be_followed(self) -> None:
        answer = self.ask("say: hi")
        error = self.refused(openai.BadRequestError, self.client.responses.retrieve, answer.id, stream=True)
        self.assertEqual(error["param"], "stream")


class CancellingTests(BackgroundTestCase):
    def test_a_cancelled_one_stops_its_model_and_keeps_its_text(self) -> None:
        provider = self.daemon.provider
        wait_until(lambda: provider.open == 0, "nothing else runs")
        running = self.begin("slow: 400")
        wait_until(lambda: self.client.responses.retrieve(running.id).output_text, "it has begun")
        cancelled = self.client.responses.cancel(running.id)
        wait_until(lambda: provider.open == 0, "the model stops")
        self.assertEqual((cancelled.status, cancelled.error), ("cancelled", None))
        self.assertTrue(cancelled.output_text.startswith("word1"))
        for again in (self.client.responses.retrieve, self.client.responses.cancel):
            self.assertEqual(again(running.id).to_dict(), cancelled.to_dict())
        self.assertEqual(self.continue_response(running, "say: on").output_text, "on")
        self.assertEqual(self.shown[1], ("assistant", cancelled.output_text))

    def test_followers_receive_the_end(self) -> None:
        with self.ask("slow: 400", background=True, stream=True) as stream:
            id = next(stream).response.id
            self.client.responses.cancel(id)
            *_, last = stream
        self.assertEqual((last.type, last.response.status), ("response.incomplete", "cancelled"))

    def test_a_finished_one_does_not_change(self) -> None:
        *_, final = self.polled(self.begin("say: done").id)
        self.assertEqual(self.client.responses.cancel(final.id).to_dict(), final.to_dict())

    def test_only_background_responses_can_be_cancelled(self) -> None:
        answer = self.ask("say: hi")
        self.refused(openai.BadRequestError, self.client.responses.cancel, answer.id)

    def test_a_disconnect_cancels_a_foreground_response(self) -> None:
        with self.ask("slow: 400", stream=True) as stream:
            events = list(islice(stream, 8))
        id = events[0].response.id
        wait_until(lambda: self._status(id) == "cancelled", "it is kept as cancelled")
        said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        self.assertTrue(self.client.responses.retrieve(id).output_text.startswith(said))

    def _status(self, id: str) -> str | None:
        found = self.daemon.get(f"{RESPONSES}/{id}", {"x-api-key": KEY})
        return found.json["status"] if found.status == 200 else None

    def test_a_deleted_one_stops(self) -> None:
        provider = self.daemon.provider
        wait_until(lambda: provider.open == 0, "nothing else runs")
        running = self.ask("slow: 400", background=True)
        wait_until(lambda: provider.open == 1, "the model answers")
        self.client.responses.delete(running.id)
        wait_until(lambda: provider.open == 0, "the model stops")
        self.refused(openai.NotFoundError, self.client.responses.retrieve, running.id)
