"""The state of the account that a back end uses, as administrators see it."""

from codexd.neutral.records import frozen


@frozen(kw_only=True)
class LoginState:
    """Whether Codex is logged in, and until when.

    Attributes:
        type: `chatgpt`, `apiKey` or another kind of login; None if nobody is logged in.
        plan: the plan of a ChatGPT account, if it is known.
        expires_at: when its access token expires, in Unix time; None if that is not known.
    """

    type: str | None = None
    plan: str | None = None
    expires_at: float | None = None
