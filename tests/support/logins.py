"""Builds the `auth.json` of synthetic logins: tokens that nobody has issued, with the claims that Codex reads."""

import base64

from codexd.wire.json import Json, encode


def token(claims: Json) -> str:
    """Build a JSON web token without a signature."""
    parts = (_part({"alg": "none", "typ": "JWT"}), _part(claims), "c2ln")
    return ".".join(parts)


def _part(value: Json) -> str:
    return base64.urlsafe_b64encode(encode(value)).rstrip(b"=").decode()


def chatgpt_login(expires_at: int, email: str = "ann@example.com", plan: str = "pro", issued_at: int = 0) -> bytes:
    """Build the file of a ChatGPT login whose access token expires at a Unix time."""
    account = {"chatgpt_plan_type": plan, "chatgpt_account_id": "account", "chatgpt_user_id": "user"}
    tokens = {
        "id_token": token({"email": email, "exp": expires_at, "https://api.openai.com/auth": account}),
        "access_token": token({"exp": expires_at, "iat": issued_at}),
        "refresh_token": "refresh-secret",
        "account_id": "account",
    }
    # Codex renews a token whose last renewal is long ago.
    renewed = "2999-01-01T00:00:00Z"
    return encode({"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": renewed})


def key_login(key: str = "sk-none") -> bytes:
    """Build the file of a login with an API key."""
    return encode({"auth_mode": "apikey", "OPENAI_API_KEY": key})
