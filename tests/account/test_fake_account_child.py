"""The fake app-server of the account commands matches the schema of the pinned binary."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from tests.support.app_server_schema import generate_schemas, mismatches
from tests.support.fake_account_child import ACCOUNT, COMPLETED, FAILED, LIMITS, STARTED


class FakeAccountChildTests(SynchronousTestCase):
    def test_what_it_sends_fits_the_schema(self) -> None:
        schemas = generate_schemas(Path(self.mktemp()).absolute())
        sent = [
            ({"account": ACCOUNT, "requiresOpenaiAuth": True}, schemas.document("GetAccountResponse")),
            (LIMITS, schemas.document("GetAccountRateLimitsResponse")),
            *((started, schemas.document("LoginAccountResponse")) for started in STARTED.values()),
            *((ended, schemas.methods("ServerNotification")[b.LOGIN_COMPLETED]) for ended in (COMPLETED, FAILED)),
            ({"status": "canceled"}, schemas.document("CancelLoginAccountResponse")),
        ]
        for value, schema in sent:
            self.assertEqual(mismatches(value, schema, "value"), [])
