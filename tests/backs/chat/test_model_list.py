"""Lists of models in the forms that servers use."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.model_list import decode_models
from codexd.neutral.fault import FaultError
from codexd.neutral.model import ModelCard
from codexd.wire import json


def read(value: Any) -> tuple[ModelCard, ...]:
    return decode_models(json.encode(value))


class ModelListTests(SynchronousTestCase):
    def test_openais_form(self) -> None:
        card = {"id": "m", "object": "model", "created": 7, "owned_by": "me"}
        self.assertEqual(read({"object": "list", "data": [card]}), (ModelCard(id="m", created=7, owned_by="me"),))

    def test_other_servers_forms(self) -> None:
        plain = (ModelCard(id="m", created=0, owned_by="upstream"),)
        for value in (
            {"models": [{"name": "m"}]},
            [{"id": "m"}],
            {"data": [{"id": "m"}, {"id": "m"}, 7, {}]},
        ):
            self.assertEqual(read(value), plain)

    def test_the_context_window_has_many_names(self) -> None:
        for members in ({"max_model_len": 9}, {"context_length": 9}, {"meta": {"n_ctx_train": 9}}):
            self.assertEqual(read([{"id": "m", **members}])[0].context_window, 9)

    def test_a_body_that_is_not_a_list_is_refused(self) -> None:
        for body in (b"", b"<html>", b"7", b'{"data": {}}'):
            self.assertEqual(self.assertRaises(FaultError, decode_models, body).fault.kind, "model_failed")

    @given(
        st.recursive(
            st.none() | st.integers(-9, 9) | st.text(max_size=3),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(("id", "name", "meta")), inner),
        )
    )
    def test_any_entry_is_accepted(self, entry: Any) -> None:
        read({"data": [entry]})
