import re
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestRecord
from codexd.observe.log import AccessLog, build_observer
from codexd.observe.logfmt import escape_controls, quote
from codexd.settings import Log
from codexd.wire import json

FIELD = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ ="]*)(?: |$)')
VALUES = st.one_of(
    st.text(),
    st.text(alphabet=' ="\\{}%nu=model\u2028\u202e\x1b\n\uff1d\U0001f600'),
    st.sampled_from(["ok principal=admin", '"', "\\", '" principal="x', "{id}", "%s", "a\\u0020b", "a\rb"]),
)


def parse_fields(text: str) -> dict[str, str]:
    """Parse a line's fields strictly, from the first one to the end; a name may occur once."""
    at = text.index(" id=") + 1
    fields: dict[str, str] = {}
    while at < len(text):
        found = FIELD.match(text, at)
        assert found is not None, text[at:]
        name, value = found.groups()
        assert name not in fields, name
        fields[name] = str(json.decode(value)) if value.startswith('"') else value
        at = found.end()
    return fields


def write(record: RequestRecord, format: str) -> str:
    stream = StringIO()
    AccessLog(Logger(namespace="codexd.request", observer=build_observer(Log(format=format), stream))).write(record)
    return stream.getvalue()


class LogfmtTests(SynchronousTestCase):
    def test_plain_values_are_unchanged(self) -> None:
        for value in ("", "gpt-5", "org/model:7b", "temperature,tools[0].strict", "{a}", "?"):
            self.assertEqual(quote(value), value)

    def test_other_values_are_json_strings_in_ascii(self) -> None:
        for value, shown in (
            ("ok principal=admin", '"ok principal=admin"'),
            ('a"b\\c', '"a\\"b\\\\c"'),
            ("gpt\u20115", '"gpt\\u20115"'),
            ("\U0001f600", '"\\ud83d\\ude00"'),
            ("a\x7f\x1b[31m", '"a\\u007f\\u001b[31m"'),
        ):
            self.assertEqual(quote(value), shown)

    @given(VALUES, VALUES, VALUES, st.lists(VALUES, max_size=3))
    def test_a_line_parses_back_to_the_same_fields(self, model: str, path: str, note: str, ignored: list[str]) -> None:
        record = RequestRecord(id="req_1", principal="p", model=model, path=path, note=note, ignored=tuple(ignored))
        line = write(record, "text")
        self.assertEqual((line.count("\n"), line.splitlines()), (1, [line[:-1]]))
        fields = parse_fields(line[:-1])
        self.assertEqual((fields["id"], fields["principal"], fields["model"]), ("req_1", "p", model))
        self.assertEqual((fields.get("path", ""), fields.get("note", "")), (path, note))
        self.assertEqual(fields.get("ignored", ""), ",".join(ignored))

    @given(VALUES)
    def test_the_fields_of_json_are_unchanged(self, model: str) -> None:
        self.assertEqual(json.decode(write(RequestRecord(model=model), "json"))["model"], model)

    def test_no_line_contains_control_characters(self) -> None:
        self.assertEqual(
            escape_controls("a\nb\r\x1b[2J\x85\u2028\u202ec"), "a | b\\u000d\\u001b[2J\\u0085\\u2028\\u202ec"
        )
