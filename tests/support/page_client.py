"""A browser without JavaScript at an in-memory server: it keeps its cookie and sends forms with the page's token."""

import re
from typing import Any
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address

from tests.support.in_memory_server import Connection, InMemoryServer, Response

LOOPBACK = IPv4Address("TCP", "127.0.0.1", 50000)
ELSEWHERE = IPv4Address("TCP", "192.0.2.7", 50000)
FORM = "application/x-www-form-urlencoded"


class PageClient:
    """One browser.

    Attributes:
        cookie: of its sign-in; empty for none.
        token: of the forms, as the last page has it.
    """

    def __init__(self, server: InMemoryServer, address: IPv4Address = LOOPBACK, control: bool = False) -> None:
        self._site = server.front.control_site if control else server.site
        self._address = address
        self.cookie = self.token = ""

    def connect(self) -> Connection:
        """Open a connection."""
        connection = Connection(self._site)
        connection.transport.peerAddr = self._address
        return connection

    def get(self, path: str = "/", **headers: str) -> Response:
        """Load a page."""
        return self.send("GET", path, None, **headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Response:
        """Send a form with the token of the last page."""
        return self.send("POST", path, self.encode(fields), **({"content_type": FORM} | headers))

    def encode(self, fields: dict[str, str]) -> bytes:
        """Encode a form with the token of the last page."""
        return urlencode({"token": self.token} | fields).encode()

    def send(self, method: str, path: str, body: Any, **headers: str) -> Response:
        """Send a request and return its response, which must be there at once."""
        connection = self.begin(method, path, body, **headers)
        (response,) = connection.responses(method)
        return self.read(response)

    def begin(self, method: str, path: str, body: Any, **headers: str) -> Connection:
        """Send a request, and return its connection."""
        cookie = {"cookie": self.cookie} if self.cookie else {}
        connection = self.connect()
        connection.request(method, path, body, **({"accept": "text/html"} | cookie | headers))
        return connection

    def read(self, response: Response) -> Response:
        """Keep the cookie and the token of a response."""
        if "set-cookie" in response.headers:
            self.cookie = response.headers["set-cookie"].partition(";")[0]
        found = re.search(rb'name="token" value="(\w+)"', response.body)
        self.token = found[1].decode() if found else self.token
        return response

    def sign_in(self, key: str) -> Response:
        """Sign in with a key."""
        self.get("/")
        return self.post("/status/sign-in", {"key": key})
