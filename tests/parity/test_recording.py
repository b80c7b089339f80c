from collections import deque

from attrs import Factory, define, evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from codexd.wire.json import Json
from tests.parity import recording
from tests.parity.client import HttpResponse
from tests.parity.fixtures import Sections
from tests.parity.recording import INCOMPLETE, find_flaws
from tests.parity.sample_responses import event_stream, json_response
from tests.parity.scenario import CHAT, RESPONSES, Scenario, ScenarioRequest, Step, ToolResults, UserReply

FIRST = ScenarioRequest.with_json(CHAT, {"model": "scripted", "messages": [{"role": "user", "content": "one"}]})
BODY = json.encode({"id": "chatcmpl-" + 24 * "a", "choices": [{"message": {"content": "é"}}]})
HEAD = ("HTTP/1.1 200 OK", "X-Request-Id: req_" + 32 * "0")
BACKGROUND = ScenarioRequest.with_json(RESPONSES, {"model": "scripted", "input": "one", "background": True})
RETRIEVE = ScenarioRequest(path=f"{RESPONSES}/{{1.id}}", method="GET")
DONE = {"id": "resp_1", "status": "completed"}
SESSION = {"client_metadata": {"turn_id": "1"}}


@define
class FakeServer:
    """Returns prepared responses, and a provider request for each request with a body.

    Attributes:
        responses: the responses, in order.
        sent: the clients and their requests.
    """

    responses: deque[HttpResponse]
    sent: list[tuple[str, ScenarioRequest]] = Factory(list)
    _provider_requests: list[dict[str, Json]] = Factory(lambda: [{"input": "of the scenario before"}])

    async def send(self, request: ScenarioRequest, client: str) -> HttpResponse:
        self.sent.append((client, request))
        if request.body:
            body = json.decode(request.body)
            self._provider_requests.append({"input": body.get("messages") or body["input"], **SESSION})
        return self.responses.popleft()

    def take_provider_requests(self) -> list[dict[str, Json]]:
        taken, self._provider_requests = self._provider_requests, []
        return taken


class RecordTests(SynchronousTestCase):
    def record(self, *responses: HttpResponse, first: ScenarioRequest = FIRST, then: tuple[Step, ...] = ()) -> Sections:
        self.server = FakeServer(deque(responses))
        scenario = Scenario(name="text", about="a text", first=first, then=then)
        return self.successResultOf(Deferred.fromCoroutine(recording.record(scenario, self.server)))

    def test_an_exchange_has_a_section_for_each_side(self) -> None:
        sections = self.record(HttpResponse(HEAD, BODY, complete=True))
        self.assertEqual(
            sections,
            {
                "request.1.json": FIRST.render(),
                "provider.1.json": b'[{"input":[{"role":"user","content":"one"}]}]\n',
                "response.1.http": b"HTTP/1.1 200 OK\nX-Request-Id: <req 1>\n\n"
                + BODY.replace(b"chatcmpl-" + 24 * b"a", b"<chatcmpl 1>"),
            },
        )
        self.assertEqual(find_flaws(sections), ())

    def test_a_follow_up_has_the_same_client_and_sections_of_its_own(self) -> None:
        answer = HttpResponse(HEAD, BODY, complete=True)
        sections = self.record(answer, answer, then=(UserReply("two"),))
        self.assertEqual({name.split(".")[1] for name in sections}, {"1", "2"})
        self.assertEqual([client for client, _ in self.server.sent], ["codex/chat/text"] * 2)
        self.assertIn(b'"content":"two"', sections["request.2.json"])

    def test_references_are_resolved_before_sending(self) -> None:
        id = "resp_" + 24 * "b"
        sections = self.record(json_response({"id": id}), json_response({"id": id}), first=BACKGROUND, then=(RETRIEVE,))
        self.assertEqual(self.server.sent[1][1].path, f"{RESPONSES}/{id}")
        self.assertIn(f"{RESPONSES}/<resp 1>".encode(), sections["request.2.json"])

    def test_provider_requests_of_a_running_response_are_recorded_with_its_end(self) -> None:
        running = {"response": {"id": "resp_1", "status": "in_progress"}}
        refused, over = (
            json_response({"error": {}}, 400),
            json_response({"id": "resp_1", "status": "completed"}),
        )
        for first, answer in (
            (BACKGROUND, json_response(running["response"])),
            (BACKGROUND, event_stream(running)),
            (
                evolve(BACKGROUND, disconnect_after_events=1),
                event_stream({"response": {**DONE, "id": "resp_1"}}),
            ),
        ):
            sections = self.record(answer, refused, over, first=first, then=(RETRIEVE, RETRIEVE))
            self.assertEqual([name for name in sections if name.startswith("provider")], ["provider.3.json"])

    def test_provider_requests_of_a_finished_response_are_recorded_with_it(self) -> None:
        for answer in (
            json_response(DONE),
            event_stream({"response": DONE}),
            json_response({"error": {}}, 400),
        ):
            self.assertIn("provider.1.json", self.record(answer, first=BACKGROUND))

    def test_a_follow_up_that_cannot_be_built_ends_the_scenario_and_is_recorded(self) -> None:
        sections = self.record(HttpResponse(HEAD, BODY, complete=True), then=(ToolResults(("noon",)), UserReply("two")))
        self.assertEqual(sections["request.2.json"], b"(the client cannot continue: the response has 0 tool calls)\n")
        self.assertEqual(len(self.server.sent), 1)
        self.assertEqual(find_flaws(sections), ("request.2.json",))

    def test_an_incomplete_response_is_marked(self) -> None:
        sections = self.record(HttpResponse(HEAD, b"data: ha", complete=False))
        section = sections["response.1.http"]
        self.assertEqual(section, f"{HEAD[0]}\nX-Request-Id: <req 1>\n{INCOMPLETE}\n\ndata: ha".encode())
        self.assertEqual(find_flaws(sections), ("response.1.http",))

    def test_bytes_that_are_not_text_are_recorded(self) -> None:
        sections = self.record(HttpResponse(HEAD, b"\xff\r\n\x00", complete=True))
        self.assertTrue(sections["response.1.http"].endswith(b"\n\n\xff\r\n\x00"))
