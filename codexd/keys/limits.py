"""The limits of API keys that are enforced where no request is at hand: in the store, and between requests."""

from codexd.configuration.keys import build_policy
from codexd.settings import Settings


class KeyLimits:
    """Answers for each owner and principal by the settings in effect, in any thread.

    A key without a limit of its own has the one of all keys.

    Args:
        settings: those at the start.
    """

    def __init__(self, settings: Settings) -> None:
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use other settings from now on."""
        # One assignment: the store's thread reads this.
        self._limits = settings, {key.name: build_policy(key) for key in settings.key}

    def stored_bytes(self, owner: str) -> int | None:
        """Return the most bytes that an owner may store; None for no limit (`codexd.store.pruning.ByteLimit`)."""
        settings, policies = self._limits
        policy = policies.get(owner)
        own = None if policy is None else policy.stored_bytes
        return settings.responses.owner_bytes if own is None else own
