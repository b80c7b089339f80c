"""The names of models that are labels of metrics: those that are on offer, and never one that a client made up."""

from collections.abc import Callable, Iterable
from typing import Final

MAX_MODELS: Final = 200
"""How many models have a label of their own; providers list hundreds."""

LOOKUPS: Final = 100
"""After how many requests for unknown models these are looked up again."""

OTHER_MODEL: Final = "other"


class ModelLabels:
    """Decides which label a model has.

    Attributes:
        list_models: returns the names of the models that are on offer now.
    """

    def __init__(self) -> None:
        self.list_models: Callable[[], Iterable[str]] = tuple
        self._known: set[str] = set()
        self._unknown: set[str] = set()
        self._lookups_left = 0

    def label(self, model: str) -> str:
        """Return the label of the model of a request."""
        if model in self._known:
            return model
        if self._lookups_left == 0:  # the models on offer may have changed
            self._unknown.clear()
            self._lookups_left = LOOKUPS
        self._lookups_left -= 1
        if len(self._known) < MAX_MODELS and model not in self._unknown and model in set(self.list_models()):
            self._known.add(model)
            return model
        self._unknown.add(model)
        return OTHER_MODEL
