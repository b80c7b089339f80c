"""The limits of API keys that are enforced where no request is at hand: in the store and in the queues."""

from codexd.configuration.keys import build_policy
from codexd.policy.key_policy import UNNAMED_POLICY
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
        own = policies.get(owner, UNNAMED_POLICY).stored_bytes
        return settings.responses.owner_bytes if own is None else own

    def turns_at_once(self, principal: str) -> int:
        """Return how many turns of a principal may run at once; 0 for no limit (`TurnsAtOnce`)."""
        settings, policies = self._limits
        return policies.get(principal, UNNAMED_POLICY).concurrent_turns or settings.queue.turns_per_key
