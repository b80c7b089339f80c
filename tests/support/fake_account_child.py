"""A fake of `codexd.account.child.AccountChild`, which answers as the real app-server was observed to.

`tests/account/test_fake_account_child.py` compares its results with the schema of the pinned binary, and
`tests/live/test_account.py` runs the real one as far as it goes without a network.
"""

from attrs import AttrsInstance, define, field

from codexd.account.child import AccountError
from codexd.backs import bindings as b
from codexd.wire.json import Json

ACCOUNT: Json = {"type": "chatgpt", "email": "ann@example.com", "planType": "pro"}
LIMITS: Json = {
    "rateLimits": {
        "primary": {"usedPercent": 12, "windowDurationMins": 300, "resetsAt": 1_000},
        "secondary": {"usedPercent": 3, "windowDurationMins": 10_080, "resetsAt": None},
    }
}
STARTED: dict[str, Json] = {
    "chatgpt": {"type": "chatgpt", "loginId": "one", "authUrl": "https://login.example/?a=b"},
    "chatgptDeviceCode": {
        "type": "chatgptDeviceCode",
        "loginId": "two",
        "userCode": "ABCD-1234",
        "verificationUrl": "https://login.example/device",
    },
    "apiKey": {"type": "apiKey"},
}
COMPLETED: Json = {"loginId": "one", "success": True, "error": None}
FAILED: Json = {"loginId": "one", "success": False, "error": "Login server error: Login was not completed"}


@define(kw_only=True)
class FakeAccountChild:
    """Answers calls from its attributes.

    Attributes:
        account: in the result of `account/read`.
        problem: the error of `account/read`, if it fails.
        limits: the result of `account/rateLimits/read`; None if it fails.
        end: the params of the notification at the end of a login, or what interrupts the wait.
        calls: the params of the calls.
    """

    account: Json = None
    problem: str | None = None
    limits: Json = None
    end: Json | BaseException = None
    calls: list[AttrsInstance] = field(factory=list)

    def call(self, params: AttrsInstance, seconds: float = 0) -> Json:
        """Answer a call."""
        self.calls.append(params)
        if isinstance(params, b.LoginStart):
            return STARTED[params.type]
        if isinstance(params, b.LoginCancel):
            return {"status": "canceled"}
        if isinstance(params, b.AccountRead) and self.problem is None:
            return {"account": self.account, "requiresOpenaiAuth": True}
        if isinstance(params, b.RateLimitsRead) and self.limits is not None:
            return self.limits
        raise AccountError(self.problem or "no network")

    def wait_for(self, method: str, seconds: float) -> Json:
        """Return the end of the login."""
        assert method == b.LOGIN_COMPLETED
        if isinstance(self.end, BaseException):
            raise self.end
        return self.end
