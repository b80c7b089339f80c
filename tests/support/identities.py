"""The identities that the encoders of tests give to their responses."""

from typing import Final

from codexd.fronts.dialect import ResponseIdentity

CHAT_IDENTITY: Final = ResponseIdentity("00ff", 1700000000, "some-model")
RESPONSES_IDENTITY: Final = ResponseIdentity("5eed", 1700000000, "gpt-5", clock=lambda: 1700000007.9)
