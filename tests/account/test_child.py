import sys

from twisted.trial.unittest import SynchronousTestCase

from codexd.account import child
from codexd.account.child import AccountChild, AccountError
from codexd.backs import bindings as b
from codexd.child.process import ProcessCommand

_SERVER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "initialize":
        print('not JSON')
        print('{"method": "account/login/completed", "params": {"success": true}}')
        print('{"id": 0, "method": "attestation/generate", "params": {}}')
        print('{"id": 99, "result": "late"}')
    if asked["method"] == "account/logout":
        print(json.dumps({"id": asked["id"], "error": {"code": -32600, "message": "no account"}}), flush=True)
    elif asked["method"] == "account/rateLimits/read":
        sys.exit(3)
    elif "id" in asked and asked["method"] != "account/read":
        print(json.dumps({"id": asked["id"], "result": asked["params"]}), flush=True)
"""


def command(code: str = _SERVER) -> ProcessCommand:
    return ProcessCommand(sys.executable, ("-c", code))


class AccountChildTests(SynchronousTestCase):
    def test_calls_are_answered_in_spite_of_other_messages(self) -> None:
        with AccountChild(command()) as server:
            self.assertEqual(server.call(b.LoginCancel("one")), {"loginId": "one"})
            self.assertEqual(server.wait_for(b.LOGIN_COMPLETED, 0), {"success": True})
            self.assertIn("did not answer", str(self.assertRaises(AccountError, server.wait_for, b.LOGIN_COMPLETED, 0)))

    def test_an_error_is_raised_with_its_message(self) -> None:
        with AccountChild(command()) as server:
            self.assertEqual(str(self.assertRaises(AccountError, server.call, b.Logout())), "no account")

    def test_a_call_that_is_not_answered_ends_at_its_deadline(self) -> None:
        with AccountChild(command()) as server:
            error = self.assertRaises(AccountError, server.call, b.AccountRead(), 0.01)
            self.assertIn("did not answer in time", str(error))

    def test_the_end_of_the_process_is_reported_and_never_waited_for(self) -> None:
        with AccountChild(command()) as server:
            error = self.assertRaises(AccountError, server.call, b.RateLimitsRead())
            self.assertIn("Codex has ended (status 3)", str(error))
        self.assertRaises(AccountError, AccountChild(command("")).__enter__)
        error = self.assertRaises(AccountError, AccountChild(ProcessCommand("/no/such/program")).__enter__)
        self.assertIn("cannot be run", str(error))

    def test_a_process_that_does_not_exit_is_killed(self) -> None:
        self.patch(child, "_EXIT_SECONDS", 0.05)
        stubborn = _SERVER + "\nimport time\ntime.sleep(600)"
        with AccountChild(command(stubborn)) as server:
            pass
        self.assertEqual(server._process.returncode, -9)
