"""API keys that codexd sends: their form, and those of commands, which are in variables of the environment."""

import re
from collections.abc import Mapping
from typing import Final

from codexd.configuration.sources import ConfigurationError

API_KEY: Final = re.compile(r"[!-~]+")
"""What a header can carry; everything else must be refused before a library shows it in an error."""


def read_api_key(environ: Mapping[str, str], *names: str) -> str | None:
    """Return the API key of the first of these variables that has one, without white space around it.

    Raises:
        ConfigurationError: if a header cannot carry it. The message names the variable and never contains the key.
    """
    name = next((name for name in names if environ.get(name, "").strip()), None)
    if name is None:
        return None
    key = environ[name].strip()
    if not API_KEY.fullmatch(key):
        raise ConfigurationError(f"{name}: the key must consist of visible ASCII characters, without spaces")
    return key
