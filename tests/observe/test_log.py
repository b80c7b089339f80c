from datetime import datetime
from io import StringIO

from attrs import evolve
from twisted.logger import ILogObserver, LogEvent, Logger, eventAsText, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.context import RequestRecord
from codexd.neutral.event import Usage
from codexd.observe import log
from codexd.observe.log import AccessLog, format_failure
from codexd.observe.log_format import format_time
from codexd.observe.request_line import RequestLine
from codexd.settings import Log
from codexd.wire import json

RECORD = RequestRecord(
    id="req_1",
    method="POST",
    began=5.0,
    route="/v1/responses",
    status=200,
    dialect="responses",
    model="gpt-5",
    principal="a1b2c3",
    trace_id="0af7651916cd43dd8448eb211c80319c",
    path="/responses",
    received_bytes=312,
    sent_bytes=840,
    client_stalls=2,
    model_pauses=1,
    tools_offered=3,
    tool_calls=1,
    retries=1,
    stream=True,
    backend="codex",
    worker="plain-0",
    thread="thread-1",
    first_event_seconds=0.25,
    seconds=1.5,
    usages=[Usage(input_tokens=7, cached_tokens=3, cache_write_tokens=0, output_tokens=2, reasoning_tokens=1)],
    ignored=("temperature", "seed"),
)


def broken() -> Failure:
    """Return a failure whose message quotes a prompt."""
    try:
        raise ValueError("the secret prompt")
    except ValueError:
        return Failure()


class WrittenLines:
    """Collects the lines of an observer."""

    def __init__(self, settings: Log) -> None:
        self._stream = StringIO()
        self.observer = log.build_observer(settings, self._stream)
        self.logger = Logger(namespace="codexd.test", observer=self.observer)

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()


class AccessLogTests(SynchronousTestCase):
    def write(self, record: RequestRecord, format: str = "json") -> str:
        written = WrittenLines(Log(format=format))
        AccessLog(Logger(namespace="codexd.request", observer=written.observer)).write(record)
        (line,) = written.lines
        return line

    def test_probes_are_logged_at_debug(self) -> None:
        written = WrittenLines(Log(level="debug"))
        requests = AccessLog(Logger(namespace="codexd.request", observer=written.observer))
        requests.write(RequestRecord(route="/readyz", status=503))
        requests.write(RequestRecord(route="/v1/models", status=200))
        self.assertEqual([line.split()[1] for line in written.lines], ["debug", "info"])

    def test_a_request_is_one_json_object_with_all_fields(self) -> None:
        line = json.decode(self.write(RECORD))
        self.assertEqual(line.pop("time")[:3], "202", "a date")
        self.assertEqual(
            line,
            {
                "level": "info",
                "logger": "codexd.request",
                "event": "request",
                "message": "POST /v1/responses 200 ok",
                "id": "req_1",
                "trace_id": "0af7651916cd43dd8448eb211c80319c",
                "method": "POST",
                "route": "/v1/responses",
                "path": "/responses",
                "status": 200,
                "dialect": "responses",
                "model": "gpt-5",
                "principal": "a1b2c3",
                "stream": True,
                "backend": "codex",
                "worker": "plain-0",
                "thread": "thread-1",
                "outcome": "ok",
                "note": "",
                "milliseconds": 1500.0,
                "queue_milliseconds": 0.0,
                "first_event_milliseconds": 250.0,
                "input_tokens": 7,
                "cached_tokens": 3,
                "cache_write_tokens": 0,
                "output_tokens": 2,
                "reasoning_tokens": 1,
                "received_bytes": 312,
                "sent_bytes": 840,
                "client_stalls": 2,
                "model_pauses": 1,
                "retries": 1,
                "tools_offered": 3,
                "tool_calls": 1,
                "ignored": "temperature,seed",
            },
        )

    def test_the_end_of_a_background_response_is_an_event_of_its_own(self) -> None:
        self.assertEqual(json.decode(self.write(evolve(RECORD, method="background")))["event"], "background_response")

    def test_a_method_that_a_client_made_up_is_no_warning(self) -> None:
        self.assertIn(" info  ", self.write(RequestRecord(status=501, outcome="method_unknown"), "text"))
        self.assertIn(" warn  ", self.write(RequestRecord(status=502, outcome="model_failed"), "text"))

    def test_a_request_that_waited_for_room_shows_how_long(self) -> None:
        self.assertIn(" queue=120.0ms first=250.0ms ", self.write(evolve(RECORD, queue_seconds=0.12), "text"))

    def test_a_request_is_one_line_of_text(self) -> None:
        line = self.write(RECORD, "text")
        self.assertIn("info  codexd.request: POST /v1/responses 200 ok 1500.0ms id=req_1", line)
        self.assertIn("principal=a1b2c3 dialect=responses model=gpt-5 tokens=7+2 bytes=312+840", line)
        optional = (
            " cached=3 reasoning=1 first=250.0ms retries=1 stalls=2 pauses=1 tools=3 tool_calls=1 path=/responses"
        )
        self.assertIn(optional, line)
        end = " trace=0af7651916cd43dd8448eb211c80319c backend=codex worker=plain-0 thread=thread-1"
        end += " ignored=temperature,seed"
        self.assertTrue(line.endswith(end), line)

    def test_the_path_of_an_unknown_route_is_logged(self) -> None:
        line = self.write(RequestRecord(status=404, outcome="unknown_url", path="/v1/nowhere"), "text")
        self.assertIn(" other 404 unknown_url", line)
        self.assertTrue(line.endswith(" path=/v1/nowhere"), line)

    def test_the_text_omits_what_a_request_does_not_have(self) -> None:
        for backend in ("", "up"):
            line = self.write(RequestRecord(backend=backend), "text")
            self.assertEqual(" backend=" in line, bool(backend))
            self.assertNotRegex(line, "worker=|thread=|path=|ignored=|first=|queue=|stalls=|tools=|cached=|trace=")

    def test_the_path_is_omitted_where_it_is_the_route(self) -> None:
        self.assertNotIn(" path=", self.write(RequestRecord(route="/v1/models", path="/v1/models"), "text"))

    def test_other_observers_get_the_text_and_the_record(self) -> None:
        events: list[LogEvent] = []
        AccessLog(Logger(namespace="codexd.request", observer=events.append)).write(RECORD)
        self.assertIn("POST /v1/responses 200 ok 1500.0ms id=req_1", formatEvent(events[0]))
        self.assertIs(events[0]["request_line"].record, RECORD)
        self.assertIn("POST /v1/responses 200 ok", eventAsText(events[0]))

    def test_the_text_is_not_made_below_the_level(self) -> None:
        written = WrittenLines(Log(level="warn"))
        self.patch(RequestLine, "__str__", broken)
        AccessLog(Logger(namespace="codexd.request", observer=written.observer)).write(RECORD)
        self.assertEqual(written.lines, [])

    def test_the_note_of_a_fault_is_logged(self) -> None:
        noted = RequestRecord(status=400, outcome="attachments", note="file-a,file-b")
        self.assertTrue(self.write(noted, "text").endswith(" note=file-a,file-b"))
        self.assertEqual(json.decode(self.write(noted))["note"], "file-a,file-b")
        self.assertNotIn("note=", self.write(RECORD, "text"))

    def test_a_server_error_is_a_warning(self) -> None:
        for status, outcome, level in ((502, "model_failed", "warn"), (404, "unknown_url", "info")):
            line = json.decode(self.write(RequestRecord(status=status, outcome=outcome)))
            self.assertEqual(line["level"], level)

    def test_braces_in_a_model_name_are_not_interpreted(self) -> None:
        self.assertIn("model={id}", self.write(RequestRecord(model="{id}"), "text"))


class ObserverTests(SynchronousTestCase):
    def test_the_factories_for_twistd_make_observers(self) -> None:
        for factory in (log.observer, log.text):
            self.assertTrue(verifyObject(ILogObserver, factory()))

    def test_events_below_the_level_are_dropped(self) -> None:
        written = WrittenLines(Log(level="warn"))
        written.logger.info("no")
        written.logger.warn("yes")
        self.assertEqual(len(written.lines), 1)

    def test_only_scalar_values_become_fields(self) -> None:
        written = WrittenLines(Log(format="json"))
        written.logger.info("child {slot} up", event="x", slot=1, process=object(), names=["a"])
        line = json.decode(written.lines[0])
        self.assertEqual((line["message"], line["slot"]), ("child 1 up", 1))
        self.assertEqual({"process", "names"} & set(line), set())

    def test_a_field_cannot_replace_message_time_or_level(self) -> None:
        written = WrittenLines(Log(format="json"))
        written.logger.info("hello", event="x", message="bye", time="never")
        line = json.decode(written.lines[0])
        self.assertEqual(line["message"], "hello")
        self.assertNotEqual(line["time"], "never")

    def test_a_failure_is_logged_with_type_and_location_without_message(self) -> None:
        for format in ("text", "json"):
            written = WrittenLines(Log(format=format))
            written.logger.failure("it broke", broken())
            (line,) = written.lines
            self.assertIn("ValueError at", line)
            self.assertIn("test_log.py", line)
            self.assertNotIn("secret", line)

    def test_what_twisted_itself_logs_is_of_the_level_debug(self) -> None:
        for level, count in (("info", 1), ("debug", 3)):
            written = WrittenLines(Log(level=level))
            # A factory logs under the name of its own module.
            other = Logger(namespace="codexd.scripted.server", observer=written.observer)
            legacy = Logger(namespace="log_legacy", observer=written.observer)
            other.info("Starting factory")
            legacy.info("Log opened.")
            other.warn("a warning")
            self.assertEqual(len(written.lines), count)
            self.assertIn(" warn  codexd.scripted.server: a warning", written.lines[-1])

    def test_the_time_has_milliseconds_and_an_offset(self) -> None:
        self.assertRegex(format_time(1_700_000_000.25), r"^2023-11-1[345]T\d\d:\d3:20\.250[+-]\d\d:\d\d$")
        self.assertEqual(datetime.fromisoformat(format_time(1_700_000_000.25)).timestamp(), 1_700_000_000.25)

    def test_lines_for_the_journal_have_a_priority_and_texts_no_time(self) -> None:
        for format, expected in (("text", r"^<4>codexd\.test: slow$"), ("json", r'^<4>\{"time":"2.*"message":"slow"')):
            stream = StringIO()
            observer = log.build_observer(Log(format=format), stream, journal=True)
            Logger(namespace="codexd.test", observer=observer).warn("slow")
            AccessLog(Logger(namespace="codexd.request", observer=observer)).write(RECORD)
            warning, request = stream.getvalue().splitlines()
            self.assertRegex(warning, expected)
            self.assertTrue(request.startswith("<6>"), request)

    def test_an_event_of_several_lines_is_one_line(self) -> None:
        for format in ("text", "json"):
            written = WrittenLines(Log(format=format))
            written.logger.info("one\ntwo", event="x")
            self.assertEqual(len(written.lines), 1)


class FormatFailureTests(SynchronousTestCase):
    def test_the_innermost_frame_comes_first(self) -> None:
        self.assertRegex(format_failure(broken()), r"^ValueError at \S+test_log.py:\d+ broken$")
