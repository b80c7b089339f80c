from twisted.trial.unittest import SynchronousTestCase

from codexd.http.path import canonical

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
