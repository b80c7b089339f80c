"""Tests of the app-server's JSON-RPC."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from codexd.wire.jsonrpc import (
    RpcErrorResponse,
    RpcMessage,
    RpcNotification,
    RpcRequest,
    RpcResponse,
    decode,
    encode_error,
    encode_notification,
    encode_request,
    encode_response,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
IDS = st.integers(-(2**63), 2**63) | st.text(max_size=8)
PARAMS = st.dictionaries(st.text(max_size=8), JSON, max_size=3)
MESSAGES: st.SearchStrategy[RpcMessage] = st.one_of(
    st.builds(RpcRequest, IDS, st.text(max_size=8), PARAMS),
    st.builds(RpcNotification, st.text(max_size=8), PARAMS),
    st.builds(RpcResponse, IDS, JSON),
    st.builds(RpcErrorResponse, IDS, st.integers(-(2**63), 2**63), st.text(max_size=8), JSON),
)
MEMBERS = st.sampled_from(["id", "method", "params", "result", "error", "code", "message", "jsonrpc"])
ALMOST_MESSAGES = st.dictionaries(MEMBERS, JSON | st.dictionaries(MEMBERS, JSON, max_size=3), max_size=4)


def encode(message: RpcMessage) -> bytes:
    match message:
        case RpcRequest(id, method, params):
            return encode_request(id, method, params)
        case RpcNotification(method, params):
            return encode_notification(method, params)
        case RpcResponse(id, result):
            return encode_response(id, result)
        case RpcErrorResponse(id, code, text, data):
            return encode_error(id, code, text, data)


class DecodeTests(SynchronousTestCase):
    def test_a_method_without_an_id_is_a_notification(self) -> None:
        line = b'{"method":"turn/started","params":{"threadId":"t"},"emittedAtMs":1}'
        self.assertEqual(decode(line), RpcNotification("turn/started", {"threadId": "t"}))

    def test_a_method_with_an_id_is_a_request(self) -> None:
        self.assertEqual(
            [
                decode(b'{"id":0,"method":"item/tool/call","params":{"callId":"c"}}'),
                decode(b'{"id":"a","method":"m"}'),
            ],
            [RpcRequest(0, "item/tool/call", {"callId": "c"}), RpcRequest("a", "m", {})],
        )

    def test_an_id_with_a_result_is_a_response_even_if_the_result_is_null(self) -> None:
        self.assertEqual(
            [decode(b'{"id":3,"result":{}}'), decode(b'{"id":3,"result":null}')],
            [RpcResponse(3, {}), RpcResponse(3, None)],
        )

    def test_an_error_has_its_code_message_and_data(self) -> None:
        self.assertEqual(
            decode(b'{"id":3,"error":{"code":-32600,"message":"no"}}'),
            RpcErrorResponse(3, -32600, "no", None),
        )
        self.assertEqual(
            decode(b'{"id":3,"error":{"code":1,"message":"","data":[2]}}'), RpcErrorResponse(3, 1, "", [2])
        )

    def test_null_params_are_empty_params(self) -> None:
        self.assertEqual(decode(b'{"method":"m","params":null}'), RpcNotification("m", {}))

    def test_json_that_is_not_a_message_is_rejected(self) -> None:
        for line in INVALID_MESSAGES:
            with self.assertRaises(json.JsonError, msg=line):
                decode(line)

    @given(MESSAGES)
    def test_decoding_reverses_encoding(self, message: RpcMessage) -> None:
        line = encode(message)
        self.assertEqual((line[-1:], line.count(b"\n")), (b"\n", 1))
        self.assertEqual(decode(line), message)

    @given(st.binary(max_size=40) | ALMOST_MESSAGES.map(json.encode))
    def test_arbitrary_bytes_raise_no_other_error(self, line: bytes) -> None:
        try:
            message = decode(line)
        except json.JsonError:
            return
        self.assertIsInstance(message, RpcMessage)


INVALID_MESSAGES = (
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
    def test_params_of_none_are_omitted(self) -> None:
        self.assertEqual(encode_notification("initialized"), b'{"method":"initialized"}\n')
        self.assertEqual(encode_request(7, "model/list"), b'{"id":7,"method":"model/list"}\n')

    def test_params_may_contain_encoded_json(self) -> None:
        params = {"items": [json.fragment(b'{"n":18446744073709551616}')]}
        self.assertEqual(
            encode_request(1, "m", params),
            b'{"id":1,"method":"m","params":{"items":[{"n":18446744073709551616}]}}\n',
        )

    def test_error_data_of_none_are_omitted(self) -> None:
        self.assertEqual(encode_error(0, -32601, "unknown"), b'{"id":0,"error":{"code":-32601,"message":"unknown"}}\n')

    def test_values_without_a_json_form_are_rejected(self) -> None:
        self.assertRaises(json.JsonError, encode_request, 1, "m", {"text": "\ud800"})
        self.assertRaises(json.JsonError, encode_error, 1, 0, "\ud800")
