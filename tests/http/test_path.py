from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.path import canonical, printable_path

CHAT = "/v1/chat/completions"


class CanonicalPathTests(SynchronousTestCase):
    def test_every_spelling_of_a_path_is_the_same_path(self) -> None:
        for spelling in (
            b"/v1/chat/completions",
            b"/chat/completions",
            b"/v1/v1/chat/completions",
            b"/api/v1/chat/completions",
            b"/v1/chat/completions/",
            b"//v1//chat/completions//",
            b"/v1/chat%2Fcompletions",
            b"http://localhost:11435/v1/chat/completions",
            b"https://example.org/chat/completions",
        ):
            self.assertEqual(canonical(spelling), CHAT, spelling)

    def test_probes_have_no_version(self) -> None:
        for name in ("livez", "readyz", "healthz", "health", "metrics"):
            for spelling in (f"/{name}", f"/{name}/", f"/v1/{name}"):
                self.assertEqual(canonical(spelling.encode()), f"/{name}")

    def test_a_model_name_may_contain_slashes_colons_and_a_version(self) -> None:
        for name in ("org/model:7b", "v1", "api/v1"):
            self.assertEqual(canonical(f"/v1/models/{name}".encode()), f"/v1/models/{name}")
        self.assertEqual(canonical(b"/models/org%2Fmodel%3A7b"), "/v1/models/org/model:7b")

    def test_an_empty_path_has_a_canonical_form(self) -> None:
        for target in (b"/", b"", b"*", b"http://localhost"):
            self.assertIn(canonical(target), ("/v1", "/v1/*"))

    def test_bytes_that_are_not_utf_8_are_replaced(self) -> None:
        self.assertEqual(canonical(b"/models/%ff"), "/v1/models/\ufffd")


class PrintablePathTests(SynchronousTestCase):
    """What the log shows of a path that no route has."""

    def test_a_path_is_shown_as_it_was_requested(self) -> None:
        for target, shown in (
            (b"/v1/nowhere", "/v1/nowhere"),
            (b"/v1/v1/nowhere/", "/v1/v1/nowhere/"),
            (b"/n%C3%B8", "/n\u00f8"),
            (b"*", "/*"),
            (b"", "/"),
        ):
            self.assertEqual(printable_path(target), shown)

    def test_hosts_credentials_and_queries_are_not_shown(self) -> None:
        self.assertEqual(printable_path(b"http://me:secret@host/nowhere?key=secret"), "/nowhere")

    def test_what_may_be_a_key_is_not_shown(self) -> None:
        for target, shown in (
            (b"/sk-1/v1/nowhere", "/***/v1/nowhere"),
            (b"/v1/SK-1", "/v1/***"),
            (b"/v1/threads/thread_0123456789abcdef01/runs", "/v1/threads/***/runs"),
            (b"/v1/x%2Fkey-sk-1", "/v1/x/***"),
            (b"/v1/responses/resp_" + b"0a" * 16 + b"/cancel", "/v1/responses/resp_" + "0a" * 16 + "/cancel"),
            (b"/v1/responses/resp_" + b"sk" * 16, "/v1/responses/***"),
        ):
            self.assertEqual(printable_path(target), shown)

    @given(st.binary(max_size=1000))
    def test_it_is_short_and_on_one_line(self, target: bytes) -> None:
        shown = printable_path(target)
        self.assertLessEqual(len(shown), 128)
        self.assertTrue(shown.isprintable() and " " not in shown)
