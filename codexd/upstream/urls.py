"""URLs of upstreams, encoded once."""

from hyperlink import EncodedURL


class PreparedURL(EncodedURL):
    """A URL that is encoded already: treq would encode its host again for every request, and rejects IPv6 addresses."""

    def to_uri(self) -> "PreparedURL":
        """Return this URL."""
        return self


def encode_url(url: EncodedURL) -> str:
    """Return a URL in ASCII (RFC 3986); the host may be an IPv6 address, which IDNA cannot encode."""
    if ":" not in url.host:
        return url.to_uri().to_text()
    return url.replace(host="").to_uri().replace(host=url.host).to_text()
