"""What the child asks of us besides tool results. That the answers fit: test_bindings."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.requests import policy


class PolicyTests(SynchronousTestCase):
    def test_whoever_asks_for_approval_is_declined(self) -> None:
        self.assertEqual(policy("item/commandExecution/requestApproval"), {"decision": "decline"})

    def test_an_unknown_request_has_no_answer(self) -> None:
        self.assertIsNone(policy("account/chatgptAuthTokens/refresh"))
