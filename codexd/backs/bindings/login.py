"""The results and the notification of the methods by which the child logs in."""

from typing import Final

from codexd.neutral.records import frozen

LOGIN_COMPLETED: Final = "account/login/completed"
"""The method of LoginCompleted."""


@frozen(kw_only=True)
class LoginStarted:
    """The result of `account/login/start`.

    With `chatgpt` it has `loginId` and `authUrl`, with `chatgptDeviceCode` `loginId`, `userCode` and `verificationUrl`.
    """

    type: str
    loginId: str | None = None
    authUrl: str | None = None
    userCode: str | None = None
    verificationUrl: str | None = None


@frozen(kw_only=True)
class LoginCompleted:
    """`account/login/completed`: a login has ended; `loginId` is null for an API key."""

    success: bool
    error: str | None = None
    loginId: str | None = None
