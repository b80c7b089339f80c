from io import StringIO

from twisted.logger import ILogObserver, Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.neutral.event import Usage
from codexd.observe import log
from codexd.observe.log import RequestLog, whereabouts
from codexd.observe.record import Record
from codexd.settings import Log
from codexd.wire import json

RECORD = Record(
    "req_1",
    "POST",
    5.0,
    "/v1/responses",
    200,
    "responses",
    "gpt-5",
    "a1b2c3",
    True,
    0.25,
    1.5,
    [Usage(7, 3, 0, 2, 1)],
    ("temperature", "seed"),
)


def broken() -> Failure:
    """Give a failure whose message quotes a prompt."""
    try:
        raise ValueError("the secret prompt")
    except ValueError:
        return Failure()


class Written:
    """What an observer writes."""

    def __init__(self, settings: Log) -> None:
        self._stream = StringIO()
        self.observer = log.observing(settings, self._stream)
        self.logger = Logger(namespace="codexd.test", observer=self.observer)

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()


class TestRequestLog(SynchronousTestCase):
    def write(self, record: Record, format: str = "json") -> str:
        written = Written(Log(format=format))
        RequestLog(Logger(namespace="codexd.request", observer=written.observer)).write(record)
        (line,) = written.lines
        return line

    def test_what_machines_ask_all_day_is_only_for_debugging(self) -> None:
        written = Written(Log(level="debug"))
        requests = RequestLog(Logger(namespace="codexd.request", observer=written.observer))
        requests.write(Record(route="/readyz", status=503))
        requests.write(Record(route="/v1/models", status=200))
        self.assertEqual([line.split()[1] for line in written.lines], ["debug", "info"])

    def test_a_request_is_one_json_object_with_every_field_of_the_schema(self) -> None:
        line = json.decode(self.write(RECORD))
        self.assertEqual(line.pop("time")[:3], "202", "a date")
        message = line.pop("message")
        self.assertEqual(
            line,
            {
                "level": "info",
                "logger": "codexd.request",
                "id": "req_1",
                "method": "POST",
                "route": "/v1/responses",
                "status": 200,
                "front": "responses",
                "model": "gpt-5",
                "principal": "a1b2c3",
                "stream": True,
                "outcome": "ok",
                "note": "",
                "milliseconds": 1500.0,
                "first_event_milliseconds": 250.0,
                "input_tokens": 7,
                "cached_tokens": 3,
                "cache_write_tokens": 0,
                "output_tokens": 2,
                "reasoning_tokens": 1,
                "ignored": "temperature,seed",
            },
        )
        self.assertIn("POST /v1/responses 200 ok 1500.0ms id=req_1", message)

    def test_a_request_is_one_line_of_text(self) -> None:
        line = self.write(RECORD, "text")
        self.assertIn("info  codexd.request: POST /v1/responses 200 ok 1500.0ms id=req_1", line)
        self.assertIn("principal=a1b2c3 front=responses model=gpt-5 tokens=7+2", line)

    def test_the_note_of_a_fault_is_written_where_there_is_one(self) -> None:
        noted = Record(status=400, outcome="attachments", note="file-a,file-b")
        self.assertTrue(self.write(noted, "text").endswith(" note=file-a,file-b"))
        self.assertEqual(json.decode(self.write(noted))["note"], "file-a,file-b")
        self.assertNotIn("note=", self.write(RECORD, "text"))

    def test_a_request_that_failed_on_our_side_is_a_warning(self) -> None:
        for status, outcome, level in ((502, "model_failed", "warn"), (404, "no_such_path", "info")):
            line = json.decode(self.write(Record(status=status, outcome=outcome)))
            self.assertEqual(line["level"], level)

    def test_braces_in_a_name_are_only_a_name(self) -> None:
        self.assertIn("model={id}", self.write(Record(model="{id}"), "text"))


class TestObservers(SynchronousTestCase):
    def test_the_factories_for_twistd_make_observers(self) -> None:
        for factory in (log.observer, log.text):
            self.assertTrue(verifyObject(ILogObserver, factory()))

    def test_what_is_below_the_level_is_left_out(self) -> None:
        written = Written(Log(level="warn"))
        written.logger.info("no")
        written.logger.warn("yes")
        self.assertEqual(len(written.lines), 1)

    def test_only_plain_values_become_fields(self) -> None:
        written = Written(Log(format="json"))
        written.logger.info("child {slot} up", slot=1, process=object(), names=["a"])
        line = json.decode(written.lines[0])
        self.assertEqual((line["message"], line["slot"]), ("child 1 up", 1))
        self.assertEqual({"process", "names"} & set(line), set())

    def test_a_field_cannot_pose_as_the_frame_of_the_line(self) -> None:
        written = Written(Log(format="json"))
        written.logger.info("hello", message="bye", time="never")
        line = json.decode(written.lines[0])
        self.assertEqual(line["message"], "hello")
        self.assertNotEqual(line["time"], "never")

    def test_a_failure_is_shown_by_type_and_place_and_not_by_its_message(self) -> None:
        for format in ("text", "json"):
            written = Written(Log(format=format))
            written.logger.failure("it broke", broken())
            (line,) = written.lines
            self.assertIn("ValueError at", line)
            self.assertIn("test_log.py", line)
            self.assertNotIn("secret", line)

    def test_an_event_of_several_lines_stays_one(self) -> None:
        for format in ("text", "json"):
            written = Written(Log(format=format))
            written.logger.info("one\ntwo")
            self.assertEqual(len(written.lines), 1)


class TestWhereabouts(SynchronousTestCase):
    def test_the_innermost_place_comes_first(self) -> None:
        self.assertRegex(whereabouts(broken()), r"^ValueError at \S+test_log.py:\d+ broken$")
