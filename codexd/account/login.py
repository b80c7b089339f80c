"""The logins of `codexd login`: with a browser, with a code on another device, with an API key."""

from collections.abc import Callable
from typing import Final

from codexd.account.child import AccountChild, AccountError
from codexd.backs import bindings as b

LOGIN_SECONDS: Final = 900.0
"""How long a login waits for the user; the code for another device is valid that long."""

_CANCEL_SECONDS: Final = 5.0

Show = Callable[[str], object]


def log_in_with_key(child: AccountChild, key: str) -> None:
    """Log in with an API key.

    Raises:
        AccountError: if Codex does not accept it.
    """
    child.call(b.LoginStart("apiKey", key))
    _check(_await_end(child))


def log_in_with_browser(child: AccountChild, show: Show) -> None:
    """Log in with a browser on this machine: show its address, and wait until the user has logged in.

    Raises:
        AccountError: if the login fails.
        KeyboardInterrupt: if the user ends it; it is cancelled.
    """
    started = _start(child, b.LoginStart("chatgpt"))
    show(f"Open this address in a browser on this machine and log in:\n\n  {started.authUrl}\n")
    _wait_for_user(child, started, show)


def log_in_with_device(child: AccountChild, show: Show) -> None:
    """Log in with a browser anywhere: show its address and a code, and wait. Raises as `log_in_with_browser`."""
    started = _start(child, b.LoginStart("chatgptDeviceCode"))
    show(f"Open {started.verificationUrl} in any browser, log in, and enter the code:\n\n  {started.userCode}\n")
    _wait_for_user(child, started, show)


def _start(child: AccountChild, params: b.LoginStart) -> b.LoginStarted:
    return b.structure(child.call(params), b.LoginStarted)


def _wait_for_user(child: AccountChild, started: b.LoginStarted, show: Show) -> None:
    show("Waiting for the login; Ctrl-C cancels it.")
    try:
        completed = _await_end(child)
    except (AccountError, KeyboardInterrupt):
        if started.loginId is not None:
            _cancel(child, started.loginId)
        raise
    _check(completed)


def _cancel(child: AccountChild, login_id: str) -> None:
    """Cancel a login. The child closes the port to which the browser would return also if it only ends."""
    try:
        child.call(b.LoginCancel(login_id), _CANCEL_SECONDS)
    except AccountError:
        pass


def _await_end(child: AccountChild) -> b.LoginCompleted:
    return b.structure(child.wait_for(b.LOGIN_COMPLETED, LOGIN_SECONDS), b.LoginCompleted)


def _check(completed: b.LoginCompleted) -> None:
    if not completed.success:
        raise AccountError(f"the login failed: {completed.error or 'no reason given'}")
