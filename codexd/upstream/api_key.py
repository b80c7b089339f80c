"""Loads an upstream's API key from the environment or a file, the only places it may be in."""

from collections.abc import Callable, Mapping

from codexd.configuration.sent_keys import API_KEY
from codexd.configuration.sources import ConfigurationError
from codexd.settings import Upstream


def load_api_key(settings: Upstream, environ: Mapping[str, str], read: Callable[[str], str]) -> str | None:
    """Return the API key of an upstream; None if it needs none.

    Args:
        settings: the upstream's settings, which name the variable or file.
        environ: the process environment.
        read: returns the text of a file; may raise OSError or UnicodeError.

    Raises:
        ConfigurationError: if the key is missing or cannot be sent in a header. The message never contains it.
    """
    where = f"upstream {settings.name!r}"
    if settings.key_env is not None:
        key, source = environ.get(settings.key_env, "").strip(), f"the variable {settings.key_env}"
    elif settings.key_file is not None:
        key, source = _read_key_file(settings.key_file, read, where).strip(), f"key_file {settings.key_file}"
    else:
        return None
    if not API_KEY.fullmatch(key):
        problem = "contains no API key" if not key else "must contain one line of visible ASCII characters"
        raise ConfigurationError(f"{where}: {source} {problem}")
    return key


def _read_key_file(path: str, read: Callable[[str], str], where: str) -> str:
    try:
        return read(path)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(f"{where}: key_file {path} cannot be read: {reason}") from None
