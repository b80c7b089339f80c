"""Settings of the administration of a running daemon."""

from attrs import field, frozen

from codexd.settings.ranges import Seconds


@frozen
class Admin:
    """Administration of the running daemon: the routes under /admin, which `codexd maintenance` and others use.

    Attributes:
        socket: the unix socket for the `codexd` command; only codexd's own user and root can use it (mode 600),
            without a key. Empty: no socket. Default: `control.sock` in codexd's state directory.
        api_keys: API keys that may use /admin over the network, as keys with `admin = true` may; they may use
            everything else, too. Without any, /admin exists only on the socket.
    """

    socket: str | None = None
    api_keys: tuple[str, ...] = field(default=(), repr=False)


@frozen
class Page:
    """The status page, `GET /` in a browser, and its playground.

    Attributes:
        enabled: serve them. Without any API key, only browsers of this machine may use them; else it takes the key of
            an administrator.
        sign_in_seconds: how long a browser stays signed in.
    """

    enabled: bool = True
    sign_in_seconds: Seconds = 8 * 3600.0


@frozen
class Maintenance:
    """Maintenance: requests for work are refused with status 503; running responses finish.

    Attributes:
        enabled: start in maintenance. `codexd maintenance on` and `off` switch it while the daemon runs.
        retry_after_seconds: when clients are asked to try again.
        message: the error message. Default: one that asks to try again later.
    """

    enabled: bool = False
    retry_after_seconds: Seconds = 60.0
    message: str | None = None
