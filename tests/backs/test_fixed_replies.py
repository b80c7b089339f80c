"""The fixed replies to the child's requests; test_bindings compares them with the schema."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.fixed_replies import find_fixed_reply


class PolicyTests(SynchronousTestCase):
    def test_approval_requests_are_declined(self) -> None:
        self.assertEqual(find_fixed_reply("item/commandExecution/requestApproval"), {"decision": "decline"})

    def test_an_unknown_request_has_no_fixed_reply(self) -> None:
        self.assertIsNone(find_fixed_reply("account/chatgptAuthTokens/refresh"))
