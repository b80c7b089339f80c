from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.sign_ins import MAX_SIGN_INS, SignIns


class SignInTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sign_ins = SignIns(b"secret")

    def test_a_token_is_found_until_it_expires(self) -> None:
        self.sign_ins.add("token", "key", expires=10.0)
        self.assertIsNotNone(self.sign_ins.find("token", 9.9))
        self.assertIsNone(self.sign_ins.find("toke", 0.0))
        self.assertIsNone(self.sign_ins.find("token", 10.0))
        self.assertEqual(len(self.sign_ins), 0)

    def test_a_browser_that_signed_out_is_not_found(self) -> None:
        self.sign_ins.add("token", "key", expires=10.0)
        self.sign_ins.remove("token")
        self.sign_ins.remove("another")
        self.assertIsNone(self.sign_ins.find("token", 0.0))

    def test_the_oldest_sign_in_ends_for_one_too_many(self) -> None:
        for number in range(MAX_SIGN_INS + 1):
            self.sign_ins.add(f"token {number}", "key", expires=10.0)
        self.assertEqual(len(self.sign_ins), MAX_SIGN_INS)
        self.assertIsNone(self.sign_ins.find("token 0", 0.0))
        self.assertIsNotNone(self.sign_ins.find("token 1", 0.0))

    def test_neither_keys_nor_tokens_are_kept(self) -> None:
        self.sign_ins.add("the-token", "the-key", expires=10.0)
        self.assertNotIn("the-", repr(vars(self.sign_ins)))

    def test_each_browser_has_its_own_form_token_which_another_secret_changes(self) -> None:
        token = self.sign_ins.form_token("one")
        self.assertTrue(self.sign_ins.is_form_token(token, "one"))
        for wrong in ("", token[:-1], token + "0", "\ud800", self.sign_ins.form_token("two"), token.upper()):
            self.assertFalse(self.sign_ins.is_form_token(wrong, "one"), wrong)
        self.assertFalse(SignIns(b"another").is_form_token(token, "one"))
