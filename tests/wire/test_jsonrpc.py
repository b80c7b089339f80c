"""JSON-RPC as the app-server speaks it."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from codexd.wire.jsonrpc import (
    ErrorReply,
    Message,
    Notification,
    Reply,
    Request,
    decode,
    encode_error,
    encode_notification,
    encode_reply,
    encode_request,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
IDS = st.integers(-(2**63), 2**63) | st.text(max_size=8)
PARAMS = st.dictionaries(st.text(max_size=8), JSON, max_size=3)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Request, IDS, st.text(max_size=8), PARAMS),
    st.builds(Notification, st.text(max_size=8), PARAMS),
    st.builds(Reply, IDS, JSON),
    st.builds(ErrorReply, IDS, st.integers(-(2**63), 2**63), st.text(max_size=8), JSON),
)
MEMBERS = st.sampled_from(["id", "method", "params", "result", "error", "code", "message", "jsonrpc"])
ALMOST_MESSAGES = st.dictionaries(MEMBERS, JSON | st.dictionaries(MEMBERS, JSON, max_size=3), max_size=4)


def encode(message: Message) -> bytes:
    match message:
        case Request(id, method, params):
            return encode_request(id, method, params)
        case Notification(method, params):
            return encode_notification(method, params)
        case Reply(id, result):
            return encode_reply(id, result)
        case ErrorReply(id, code, text, data):
            return encode_error(id, code, text, data)


class DecodeTests(SynchronousTestCase):
    def test_a_method_without_an_id_is_a_notification(self) -> None:
        line = b'{"method":"turn/started","params":{"threadId":"t"},"emittedAtMs":1}'
        self.assertEqual(decode(line), Notification("turn/started", {"threadId": "t"}))

    def test_a_method_with_an_id_is_a_request_of_the_server_whatever_the_id(self) -> None:
        self.assertEqual(
            [
                decode(b'{"id":0,"method":"item/tool/call","params":{"callId":"c"}}'),
                decode(b'{"id":"a","method":"m"}'),
            ],
            [Request(0, "item/tool/call", {"callId": "c"}), Request("a", "m", {})],
        )

    def test_an_id_and_a_result_are_a_reply_also_when_the_result_is_null(self) -> None:
        self.assertEqual(
            [decode(b'{"id":3,"result":{}}'), decode(b'{"id":3,"result":null}')],
            [Reply(3, {}), Reply(3, None)],
        )

    def test_an_error_is_told_with_its_code_message_and_data(self) -> None:
        self.assertEqual(
            decode(b'{"id":3,"error":{"code":-32600,"message":"no"}}'), ErrorReply(3, -32600, "no", None)
        )
        self.assertEqual(
            decode(b'{"id":3,"error":{"code":1,"message":"","data":[2]}}'), ErrorReply(3, 1, "", [2])
        )

    def test_null_params_are_no_params(self) -> None:
        self.assertEqual(decode(b'{"method":"m","params":null}'), Notification("m", {}))

    def test_json_that_is_no_message_is_malformed(self) -> None:
        for line in NO_MESSAGES:
            with self.assertRaises(json.Malformed, msg=line):
                decode(line)

    @given(MESSAGES)
    def test_what_is_written_reads_the_same(self, message: Message) -> None:
        line = encode(message)
        self.assertEqual((line[-1:], line.count(b"\n")), (b"\n", 1))
        self.assertEqual(decode(line), message)

    @given(st.binary(max_size=40) | ALMOST_MESSAGES.map(json.encode))
    def test_anything_else_is_malformed_and_never_another_error(self, line: bytes) -> None:
        try:
            message = decode(line)
        except json.Malformed:
            return
        self.assertIsInstance(message, Message)


NO_MESSAGES = (
    b"",
    b"hello",
    b"[]",
    b"null",
    b"{}",
    b'{"id":1}',
    b'{"result":{}}',
    b'{"id":null,"result":{}}',
    b'{"id":null,"method":"m"}',
    b'{"id":true,"result":{}}',
    b'{"id":1.5,"result":{}}',
    b'{"id":18446744073709551616,"result":{}}',
    b'{"id":[],"method":"m"}',
    b'{"method":7}',
    b'{"method":"m","params":[1]}',
    b'{"method":"m","params":"p"}',
    b'{"id":1,"error":"no"}',
    b'{"id":1,"error":{"code":"x","message":"no"}}',
    b'{"id":1,"error":{"code":1}}',
)


class EncodeTests(SynchronousTestCase):
    def test_params_of_none_are_left_out(self) -> None:
        self.assertEqual(encode_notification("initialized"), b'{"method":"initialized"}\n')
        self.assertEqual(encode_request(7, "model/list"), b'{"id":7,"method":"model/list"}\n')

    def test_params_may_hold_json_that_is_already_encoded(self) -> None:
        params = {"items": [json.fragment(b'{"n":18446744073709551616}')]}
        self.assertEqual(
            encode_request(1, "m", params),
            b'{"id":1,"method":"m","params":{"items":[{"n":18446744073709551616}]}}\n',
        )

    def test_error_data_of_none_are_left_out(self) -> None:
        self.assertEqual(
            encode_error(0, -32601, "unknown"), b'{"id":0,"error":{"code":-32601,"message":"unknown"}}\n'
        )

    def test_what_json_cannot_say_is_malformed(self) -> None:
        self.assertRaises(json.Malformed, encode_request, 1, "m", {"text": "\ud800"})
        self.assertRaises(json.Malformed, encode_error, 1, 0, "\ud800")
