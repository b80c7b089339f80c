"""The app-server's protocol: routing, declined requests, and clean-up. Its handshake: test_handshake."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.backs.fixed_replies import METHOD_NOT_FOUND
from codexd.child.app_server import AppServerInfo, AppServerProtocol
from codexd.child.protocol import ChildProtocol, SendError, SendResult, ThreadSetup, ThreadTranslator
from codexd.wire import jsonrpc
from tests.support.recording_sink import turn


class ProtocolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.protocol: ChildProtocol = AppServerProtocol()

    def test_a_call_is_encoded_with_its_method(self) -> None:
        self.assertEqual(self.protocol.encode_call(b.Unsubscribe("t")), ("thread/unsubscribe", {"threadId": "t"}))

    def test_notifications_and_tool_calls_go_to_their_thread(self) -> None:
        params = {"threadId": "t"}
        for message, thread_id in (
            (jsonrpc.RpcNotification("any/thing", params), "t"),
            (jsonrpc.RpcRequest(1, "item/tool/call", params), "t"),
            (jsonrpc.RpcRequest(1, "item/commandExecution/requestApproval", params), None),
            (jsonrpc.RpcNotification("any/thing", {}), None),
            (jsonrpc.RpcNotification("any/thing", {"threadId": ["t"]}), None),
        ):
            self.assertEqual(self.protocol.route(message), thread_id, message)

    def test_approvals_are_declined_and_other_requests_are_unknown(self) -> None:
        approval = jsonrpc.RpcRequest(1, "item/fileChange/requestApproval", {})
        self.assertEqual(self.protocol.reply_to(approval), SendResult(1, {"decision": "decline"}))
        unknown = SendError(2, METHOD_NOT_FOUND, "not supported by codexd")
        self.assertEqual(self.protocol.reply_to(jsonrpc.RpcRequest(2, "item/tool/call", {})), unknown)

    def test_threads_and_turns_that_began_too_late_are_ended(self) -> None:
        started = jsonrpc.RpcNotification("turn/started", {"threadId": "t", "turn": {"id": "u"}})
        for message, calls in (
            (jsonrpc.RpcResponse(1, {"thread": {"id": "t"}}), (b.Unsubscribe("t"),)),
            (started, (b.TurnInterrupt("t", "u"),)),
            (jsonrpc.RpcResponse(1, {}), ()),
            (jsonrpc.RpcNotification("turn/started", {}), ()),
            (jsonrpc.RpcNotification("turn/completed", started.params), ()),
        ):
            self.assertEqual(self.protocol.clean_up(message), calls, message)

    def test_a_window_is_known_once_it_was_given_or_reported(self) -> None:
        info = AppServerInfo(())
        for given, known in ((None, None), (1000, 1000)):
            setup = ThreadSetup(agent=False, workspace="/w", window_tokens=given, server_info=info)
            translator: ThreadTranslator = self.protocol.translator(setup)
            self.assertEqual(translator.window_tokens, known)
            translator.open(turn("hi"))
            self.assertEqual((translator.state, translator.thread_id), ("opening", None))
