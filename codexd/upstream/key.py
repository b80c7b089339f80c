"""An upstream's API key: from the environment or a file, and never anywhere else."""

import re
from collections.abc import Callable, Mapping

from codexd.configuration.sources import Misconfigured
from codexd.settings import Upstream


def api_key(settings: Upstream, environ: Mapping[str, str], read: Callable[[str], str]) -> str | None:
    """Read the key of an upstream; None when it takes none.

    Args:
        settings: which variable or file it is in.
        environ: the process environment.
        read: gives a file's text; may raise OSError or UnicodeError.

    Raises:
        Misconfigured: when it is not there, or cannot be sent in a header. The message never holds it.
    """
    where = f"upstream {settings.name!r}"
    if settings.key_env is not None:
        key, source = environ.get(settings.key_env, "").strip(), f"the variable {settings.key_env}"
    elif settings.key_file is not None:
        key, source = _text(settings.key_file, read, where).strip(), settings.key_file
    else:
        return None
    if not re.fullmatch(r"[!-~]+", key):
        raise Misconfigured(f"{where}: {source} holds no key, or more than one line of visible ASCII")
    return key


def _text(path: str, read: Callable[[str], str], where: str) -> str:
    try:
        return read(path)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise Misconfigured(f"{where}: key_file {path} cannot be read: {reason}") from None
