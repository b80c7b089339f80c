"""What the checks stored is deleted, whatever happens."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.smoke.client import SmokeError
from codexd.smoke.target import SmokeTarget
from tests.smoke.fake_client import FakeClient

RESPONSE = "/v1/responses/resp_1"


class TargetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.answers = {"POST /v1/responses": (200, {"id": "resp_1"}), f"DELETE {RESPONSE}": (200, {"deleted": True})}
        self.client = FakeClient(answers=self.answers)
        self.target = SmokeTarget(client=self.client, model="scripted")

    def test_what_was_created_is_deleted_at_the_end(self) -> None:
        with self.target.cleaned():
            self.target.create("/v1/responses", {})
        self.assertEqual(self.client.sent, ["POST /v1/responses", f"DELETE {RESPONSE}"])

    def test_it_is_deleted_after_a_failure_too(self) -> None:
        with self.assertRaises(SmokeError), self.target.cleaned():
            self.target.create("/v1/responses", {})
            raise SmokeError("wrong")
        self.assertEqual(self.client.sent[-1], f"DELETE {RESPONSE}")

    def test_what_the_check_deleted_itself_is_not_deleted_again(self) -> None:
        with self.target.cleaned():
            self.target.create("/v1/responses", {})
            self.target.delete(RESPONSE)
        self.assertEqual(self.client.sent[1:], [f"DELETE {RESPONSE}", f"GET {RESPONSE}"])

    def test_what_cannot_be_deleted_is_an_error(self) -> None:
        self.answers[f"DELETE {RESPONSE}"] = (500, {})
        with self.assertRaises(SmokeError) as raised, self.target.cleaned():
            self.target.create("/v1/responses", {})
        self.assertEqual(str(raised.exception), f"could not be deleted: {RESPONSE}")

    def test_what_is_still_there_after_its_deletion_is_an_error(self) -> None:
        self.answers[f"GET {RESPONSE}"] = (200, {})
        with self.assertRaises(SmokeError) as raised, self.target.cleaned():
            self.target.create("/v1/responses", {})
            self.target.delete(RESPONSE)
        self.assertIn("has status 200 after its deletion", str(raised.exception))
