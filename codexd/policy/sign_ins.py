"""Sign-ins to the status page: a browser exchanges an administrator's key for a cookie that lasts some hours.

A sign-in remembers only the digest of the key. It lasts no longer than the key is an administrator's.
"""

import hmac
from hashlib import sha256

from codexd.neutral.records import frozen

MAX_SIGN_INS = 64
"""How many browsers can be signed in at once; the oldest sign-in ends for the next one."""


@frozen
class SignIn:
    """One signed-in browser.

    Attributes:
        key_digest: the SHA-256 of its API key.
        expires: on the clock of the caller, in seconds.
    """

    key_digest: bytes
    expires: float


class SignIns:
    """The signed-in browsers, by the digest of their tokens, oldest first.

    Args:
        secret: random bytes, from which the tokens of forms are derived.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._sign_ins: dict[bytes, SignIn] = {}

    def __len__(self) -> int:
        return len(self._sign_ins)

    def add(self, token: str, key: str, expires: float) -> None:
        """Sign a browser in.

        Args:
            token: unguessable; what the browser's cookie contains.
            key: its API key.
            expires: when the sign-in ends.
        """
        while len(self._sign_ins) >= MAX_SIGN_INS:
            del self._sign_ins[next(iter(self._sign_ins))]
        self._sign_ins[_digest(token)] = SignIn(_digest(key), expires)

    def find(self, token: str, now: float) -> SignIn | None:
        """Return the sign-in of a token; None if there is none, or no more."""
        found = self._sign_ins.get(_digest(token))
        if found is not None and found.expires <= now:
            self.remove(token)
            return None
        return found

    def remove(self, token: str) -> None:
        """Sign a browser out."""
        self._sign_ins.pop(_digest(token), None)

    def form_token(self, token: str) -> str:
        """Return the token of the forms of a browser, by which they cannot come from another site's page.

        Args:
            token: of its sign-in; empty without one.
        """
        return hmac.new(self._secret, token.encode("utf-8", "replace"), sha256).hexdigest()

    def is_form_token(self, presented: str, token: str) -> bool:
        """Return whether a form has the token of the browser; takes the same time whatever differs."""
        return hmac.compare_digest(_digest(presented), _digest(self.form_token(token)))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "replace")).digest()
