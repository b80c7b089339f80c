"""Variables that begin with `CODEXD_` and are no settings: misspelled ones, and those of others.

Kubernetes sets variables for every Service in the namespace, such as `CODEXD_PORT=tcp://10.0.0.1:80` for one that is
named `codexd` (Kubernetes, "Accessing the Service", environment variables).
"""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Final

PREFIX: Final = "CODEXD_"
_LIKE: Final = 0.8
"""How similar a name must be to the name of a setting, from 0 to 1, to be taken for a misspelling of it."""

_SHOWN: Final = 8
_SERVICE: Final = re.compile(
    r"CODEXD_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)?)"
)


def describe_misspelling(name: str, known: Iterable[str], tables: Iterable[str]) -> str:
    """Return the problem of an unknown variable that is probably meant as a setting, else an empty text.

    Args:
        name: the variable.
        known: the variables of all settings.
        tables: the tables of the settings; a variable with the name of one is meant as a setting.
    """
    if _SERVICE.fullmatch(name):
        return ""
    words = name.removeprefix(PREFIX)
    for one in known:
        if one.removeprefix(PREFIX).endswith("_" + words):  # without its table
            return f"{name}: unknown variable; did you mean {one}?"
    likeness, nearest = max((_likeness(words, one.removeprefix(PREFIX)), one) for one in known)
    if likeness >= _LIKE:
        return f"{name}: unknown variable; did you mean {nearest}?"
    table = next((table for table in tables if words.startswith(f"{table.upper()}_")), None)
    return "" if table is None else f"{name}: unknown variable; no setting of [{table}] has this name and a variable"


def describe_foreign(names: Sequence[str]) -> str:
    """Return a warning, on one line, about variables that are no settings."""
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} others" if len(names) > _SHOWN else "")
    hint = ""
    if any(map(_SERVICE.fullmatch, names)):
        hint = "; Kubernetes sets such variables for a Service (enableServiceLinks: false prevents that)"
    return f"environment: not settings of codexd and ignored: {shown}{hint}"


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
