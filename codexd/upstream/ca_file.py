"""Loads the certificates of the authorities that an upstream's certificate must be signed by."""

from collections.abc import Callable

from OpenSSL import crypto

from codexd.configuration.sources import ConfigurationError
from codexd.settings import Upstream
from codexd.upstream.endpoints import parse_certificates


def load_ca_certificates(settings: Upstream, read: Callable[[str], str]) -> bytes | None:
    """Return the content of an upstream's `ca_file`; None if it has none.

    Raises:
        ConfigurationError: if the file cannot be read, or does not contain certificates in PEM.
    """
    if settings.ca_file is None:
        return None
    try:
        text = read(settings.ca_file).encode()
        parse_certificates(text)
    except (OSError, ValueError, crypto.Error) as error:
        reason = "a certificate in it is damaged" if isinstance(error, crypto.Error) else str(error)
        reason = getattr(error, "strerror", None) or reason
        path = settings.ca_file
        raise ConfigurationError(f"upstream {settings.name!r}: ca_file {path} cannot be used: {reason}") from None
    return text
