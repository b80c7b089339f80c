from collections import deque

from attrs import Factory, define, evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from codexd.wire.json import Json
from tests.parity.answers import answered, told
from tests.parity.client import Response
from tests.parity.fixtures import Pages
from tests.parity.recording import BROKEN_OFF, flaws, record
from tests.parity.scenario import CHAT, RESPONSES, Ask, Reply, Results, Scenario, Step

FIRST = Ask.saying(CHAT, {"model": "scripted", "messages": [{"role": "user", "content": "one"}]})
ANSWER = json.encode({"id": "chatcmpl-" + 24 * "a", "choices": [{"message": {"content": "é"}}]})
HEAD = ("HTTP/1.1 200 OK", "X-Request-Id: req_" + 32 * "0")
BACKGROUND = Ask.saying(RESPONSES, {"model": "scripted", "input": "one", "background": True})
SHOW = Ask(f"{RESPONSES}/{{1.id}}", method="GET")
OVER = {"id": "resp_1", "status": "completed"}
SESSION = {"client_metadata": {"turn_id": "1"}}


@define
class FakeScene:
    """Gives prepared answers, and says that the model was asked for each.

    Attributes:
        responses: what is answered, one after the other.
        played: who asked what.
    """

    responses: deque[Response]
    played: list[tuple[str, Ask]] = Factory(list)
    _asked: list[dict[str, Json]] = Factory(lambda: [{"input": "of the scenario before"}])

    async def play(self, ask: Ask, player: str) -> Response:
        self.played.append((player, ask))
        if ask.body:
            body = json.decode(ask.body)
            self._asked.append({"input": body.get("messages") or body["input"], **SESSION})
        return self.responses.popleft()

    def asked(self) -> list[dict[str, Json]]:
        asked, self._asked = self._asked, []
        return asked


class RecordTests(SynchronousTestCase):
    def recorded(self, *answers: Response, first: Ask = FIRST, then: tuple[Step, ...] = ()) -> Pages:
        self.scene = FakeScene(deque(answers))
        scenario = Scenario("text", "a text", first, then)
        return self.successResultOf(Deferred.fromCoroutine(record(scenario, self.scene)))

    def test_an_exchange_has_what_was_said_on_both_sides(self) -> None:
        pages = self.recorded(Response(HEAD, ANSWER, whole=True))
        self.assertEqual(
            pages,
            {
                "request.1.json": FIRST.render(),
                "provider.1.json": b'[{"input":[{"role":"user","content":"one"}]}]\n',
                "response.1.http": b"HTTP/1.1 200 OK\nX-Request-Id: <req 1>\n\n"
                + ANSWER.replace(b"chatcmpl-" + 24 * b"a", b"<chatcmpl 1>"),
            },
        )
        self.assertEqual(flaws(pages), ())

    def test_what_follows_is_asked_by_the_same_player_and_has_pages_of_its_own(self) -> None:
        answer = Response(HEAD, ANSWER, whole=True)
        pages = self.recorded(answer, answer, then=(Reply("two"),))
        self.assertEqual({name.split(".")[1] for name in pages}, {"1", "2"})
        self.assertEqual([player for player, _ in self.scene.played], ["codex/chat/text"] * 2)
        self.assertIn(b'"content":"two"', pages["request.2.json"])

    def test_a_request_that_names_an_answer_is_asked_with_what_it_said(self) -> None:
        id = "resp_" + 24 * "b"
        pages = self.recorded(answered({"id": id}), answered({"id": id}), first=BACKGROUND, then=(SHOW,))
        self.assertEqual(self.scene.played[1][1].path, f"{RESPONSES}/{id}")
        self.assertIn(f"{RESPONSES}/<resp 1>".encode(), pages["request.2.json"])

    def test_what_the_model_is_asked_while_nobody_waits_is_written_with_the_end(self) -> None:
        running = {"response": {"id": "resp_1", "status": "in_progress"}}
        refused, over = answered({"error": {}}, 400), answered({"id": "resp_1", "status": "completed"})
        for first, answer in (
            (BACKGROUND, answered(running["response"])),
            (BACKGROUND, told(running)),
            (evolve(BACKGROUND, leaves_after=1), told({"response": {**OVER, "id": "resp_1"}})),
        ):
            pages = self.recorded(answer, refused, over, first=first, then=(SHOW, SHOW))
            self.assertEqual([name for name in pages if name.startswith("provider")], ["provider.3.json"])

    def test_an_answer_that_is_over_at_once_has_its_page_at_once(self) -> None:
        for answer in (answered(OVER), told({"response": OVER}), answered({"error": {}}, 400)):
            self.assertIn("provider.1.json", self.recorded(answer, first=BACKGROUND))

    def test_where_the_client_cannot_go_on_the_pages_say_so(self) -> None:
        pages = self.recorded(Response(HEAD, ANSWER, whole=True), then=(Results(("noon",)), Reply("two")))
        self.assertEqual(pages["request.2.json"], b"(the client cannot go on: the answer has 0 tool calls)\n")
        self.assertEqual(len(self.scene.played), 1)
        self.assertEqual(flaws(pages), ("request.2.json",))

    def test_an_answer_that_broke_off_is_marked(self) -> None:
        pages = self.recorded(Response(HEAD, b"data: ha", whole=False))
        page = pages["response.1.http"]
        self.assertEqual(page, f"{HEAD[0]}\nX-Request-Id: <req 1>\n{BROKEN_OFF}\n\ndata: ha".encode())
        self.assertEqual(flaws(pages), ("response.1.http",))

    def test_bytes_that_are_no_text_are_kept(self) -> None:
        pages = self.recorded(Response(HEAD, b"\xff\r\n\x00", whole=True))
        self.assertTrue(pages["response.1.http"].endswith(b"\n\n\xff\r\n\x00"))
