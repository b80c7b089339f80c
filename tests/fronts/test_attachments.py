"""codexd.fronts.attachments: rejected, with their file ids logged."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import attachments
from codexd.fronts.json_fields import Fields
from codexd.neutral.fault import Fault, FaultError
from codexd.wire.json import Json
from tests.support.http_cases import CHAT
from tests.support.in_memory_server import InMemoryServer, chat
from tests.support.responses_requests import decode_fault

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("file_id"), inner, max_size=1),
    max_leaves=30,
)


def refused(**fields: Any) -> Fault:
    """Return the fault of a request with these fields."""
    try:
        attachments.reject_attachments(Fields({"model": "m", "input": "hi", **fields}))
    except FaultError as refused:
        return refused.fault
    raise AssertionError("it was accepted")


def attached(*ids: Json) -> Json:
    """Build attachments of these files."""
    return [{"file_id": id, "tools": [{"type": "file_search"}]} for id in ids]


class RefusalTests(SynchronousTestCase):
    """Files by id are a clear 400."""

    def test_the_error_names_the_field_at_any_position(self) -> None:
        message = {"role": "user", "content": "hi"}
        for param, fields in (
            ("attachments", {"attachments": attached("file-a")}),
            ("attachments", {"attachments": {"file_id": "file-a"}}),
            ("input[0].attachments", {"input": [message | {"attachments": ["file-a"]}]}),
            ("input[1].attachments", {"input": [message, message | {"attachments": attached("f")}]}),
        ):
            fault = refused(**fields)
            self.assertEqual(
                (fault.kind, fault.status, fault.code, fault.param),
                ("attachments", 400, "attachments_not_supported", param),
            )

    def test_a_request_with_attachments_is_rejected(self) -> None:
        asked = {"model": "m", "input": "hi", "attachments": attached("file-a")}
        self.assertEqual(decode_fault(asked).note, "file-a")

    def test_empty_attachments_are_accepted(self) -> None:
        for none in (None, []):
            message = {"role": "user", "content": "hi", "attachments": none}
            attachments.reject_attachments(Fields({"input": [message, "no item"], "attachments": none}))


class NoteTests(SynchronousTestCase):
    """The note for the log has the file ids and nothing else."""

    def test_the_note_has_the_file_ids(self) -> None:
        note = refused(attachments=[*attached("file-BK7bzQj3", "file_0a"), "file-c"]).note
        self.assertEqual(note, "file-BK7bzQj3,file_0a,file-c")

    def test_the_note_has_neither_prompts_nor_keys(self) -> None:
        said = ("tell me a secret", "sk-proj-abc123", "file-a b", "file-a\n", "file-" + "a" * 60, "", 5, None)
        self.assertIsNone(refused(attachments=attached(*said)).note)
        self.assertEqual(refused(attachments=attached(*said, "file-a")).note, "file-a")

    def test_the_number_of_ids_is_limited(self) -> None:
        ids = ["file-" + "a" * 59] * 40
        note = refused(attachments=attached(*ids)).note or ""
        self.assertEqual(note, ",".join(ids[:16]))

    @given(VALUES.filter(bool))
    def test_whatever_is_attached_the_note_is_harmless(self, held: Json) -> None:
        note = refused(attachments=held).note
        self.assertRegex(note or "file-a", r"\A(file[-_][A-Za-z0-9]{1,59},?)+\Z")

    def test_the_message_has_no_ids(self) -> None:
        self.assertNotIn("file-a", refused(attachments=attached("file-a")).message)


class EndpointTests(SynchronousTestCase):
    """Every endpoint that shows messages to a model rejects them, streamed or not, before a model is asked."""

    def test_every_endpoint_rejects_attachments(self) -> None:
        held = attached("file-a")
        message = {"role": "user", "content": "hi"}
        at_message = message | {"attachments": held}
        for path, body, param in (
            (CHAT, {"messages": [message], "attachments": held}, "attachments"),
            (CHAT, {"messages": [message, at_message]}, "messages[1].attachments"),
            ("/v1/completions", {"prompt": "hi", "attachments": held}, "attachments"),
            ("/v1/responses", {"input": "hi", "attachments": held}, "attachments"),
            ("/v1/responses", {"input": [at_message]}, "input[0].attachments"),
            ("/v1/responses/compact", {"input": [at_message]}, "input[0].attachments"),
            ("/v1/responses/input_tokens", {"input": [at_message]}, "input[0].attachments"),
            ("/v1/conversations", {"items": [{"type": "message", **at_message}]}, "items[0].attachments"),
        ):
            for stream in ({}, {"stream": True}):
                server = InMemoryServer()
                response = server.request("POST", path, {"model": "m"} | body | stream)
                self.assertEqual((response.status, response.error["param"]), (400, param), path)
                self.assertEqual(response.error["code"], "attachments_not_supported")
                self.assertEqual((server.log.records[0].note, server.backend.turns), ("file-a", []))

    def test_empty_attachments_are_accepted_by_chat(self) -> None:
        server = InMemoryServer()
        server.connect().request("POST", CHAT, chat(attachments=[]))
        self.assertEqual(len(server.backend.turns), 1)
