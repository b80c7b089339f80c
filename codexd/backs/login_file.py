"""Parses `auth.json`, the file in which Codex keeps its login (openai/codex, codex-rs/login).

Nothing of it but the kind, the plan, the address and the times leaves this module.
"""

import base64
import binascii
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from attrs import field

from codexd.neutral.records import frozen
from codexd.wire import json

_OPENAI: Final = "https://api.openai.com/auth"
"""The claim of an id token with the facts of the account."""


@frozen(kw_only=True)
class Login:
    """A login of Codex.

    Attributes:
        type: `chatgpt`, `apiKey`, or another mode of Codex by the name in the file.
        plan: the plan of a ChatGPT account.
        email: its address.
        issued_at: when its access token was issued, in Unix time.
        expires_at: when its access token expires, in Unix time. Codex renews it while it works, with a token whose
            own end is not known. None for a key, which has no known end.
        identity: distinguishes accounts and keys; a renewal leaves it unchanged.
    """

    type: str
    plan: str | None = None
    email: str | None = field(default=None, repr=False)
    issued_at: float | None = None
    expires_at: float | None = None
    identity: str = field(default="", repr=False)


def parse_login(data: bytes) -> Login | None:
    """Return the login in the bytes of `auth.json`; None if there is none, or Codex could not read it either."""
    try:
        content = json.decode(data)
    except json.JsonError:
        return None
    if not isinstance(content, dict):
        return None
    tokens, key = content.get("tokens"), content.get("OPENAI_API_KEY")
    mode = content.get("auth_mode")
    if isinstance(tokens, dict) and mode != "apikey":
        return _parse_tokens(tokens)
    if isinstance(key, str) and key:
        return Login(type="apiKey", identity=_digest("apiKey", key))
    if isinstance(mode, str) and mode != "apikey":
        return Login(type=mode, identity=_digest(mode))
    return None


def _parse_tokens(tokens: Mapping[str, Any]) -> Login:
    person, access = _read_claims(tokens.get("id_token")), _read_claims(tokens.get("access_token"))
    account = person.get(_OPENAI)
    account = account if isinstance(account, dict) else {}
    identifiers = (tokens.get("account_id"), account.get("chatgpt_user_id"), person.get("sub"), person.get("email"))
    return Login(
        type="chatgpt",
        plan=_text(account.get("chatgpt_plan_type")),
        email=_text(person.get("email")),
        issued_at=_time(access.get("iat")),
        expires_at=_time(access.get("exp")),
        identity=_digest("chatgpt", *map(str, identifiers)),
    )


def _read_claims(token: object) -> dict[str, Any]:
    """Return the claims of a JSON web token, unverified: it is Codex's own file. Empty if it is none."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return {}
    try:
        claims = json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _digest(*parts: str) -> str:
    return sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
