"""The pages for who is not signed in, and for errors."""

from codexd.neutral.fault import Fault
from codexd.page.html import Layout, document, element, form_token_field, notice


def sign_in_page(layout: Layout, problem: str = "") -> bytes:
    """Render the form that exchanges an administrator's key for a sign-in.

    Args:
        layout: of the page.
        problem: why the last attempt was refused; empty if there was none.
    """
    return document(
        layout,
        notice(problem) if problem else None,
        element(
            "p",
            "The status page needs the API key of an administrator: one of ",
            element("code", "admin.api_keys"),
            ", or a key with ",
            element("code", "admin = true"),
            ".",
        ),
        element(
            "form",
            form_token_field(layout.form_token),
            element(
                "p",
                element("label", "API key", for_="key"),
                element(
                    "input",
                    id="key",
                    name="key",
                    type="password",
                    required=True,
                    autocomplete="current-password",
                    aria_invalid="true" if problem else None,
                ),
            ),
            element("button", "Sign in"),
            method="post",
            action="/status/sign-in",
        ),
    )


def error_page(layout: Layout, fault: Fault) -> bytes:
    """Render an error."""
    return document(layout, notice(fault.message), element("p", element("a", "Load the status page", href="/")))
