"""Embeddings requests, which are forwarded."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import embeddings
from codexd.fronts.embeddings import MAX_INPUTS
from codexd.neutral.fault import FaultError
from codexd.wire import json
from tests.fronts.test_json_fields import refusal

BODY = b'{"input": ["a", "b"],\n "model": "small", "dimensions": 8, "x": {"y": 1.50}}'

scalars = st.none() | st.booleans() | st.integers(-9, 2**64 - 1) | st.floats() | st.text(max_size=3)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


class EmbeddingsTests(SynchronousTestCase):
    def test_the_model_is_parsed_and_the_body_stays_unchanged(self) -> None:
        found = embeddings.decode(BODY)
        self.assertEqual((found.model, found.with_model("small")), ("small", BODY))

    def test_the_upstream_gets_its_own_name_for_the_model_and_all_else(self) -> None:
        with_model = embeddings.decode(BODY).with_model("nomic-embed-text")
        self.assertEqual(json.decode(with_model), json.decode(BODY) | {"model": "nomic-embed-text"})

    def test_every_form_of_input_goes_through(self) -> None:
        for value in ("a", ["a"], [1, 2], [[1], [2]], ["a"] * MAX_INPUTS):
            embeddings.decode(json.encode({"model": "m", "input": value}))

    def test_missing_or_oversized_input_is_rejected_by_name(self) -> None:
        for fields, kind, param in (
            ({}, "missing", "input"),
            ({"input": "a"}, "missing", "model"),
            ({"input": "a", "model": ""}, "wrong_value", "model"),
            ({"input": "a", "model": 1}, "wrong_type", "model"),
            ({"input": {}}, "wrong_type", "input"),
            ({"input": 0}, "wrong_type", "input"),
            ({"input": ""}, "wrong_value", "input"),
            ({"input": []}, "wrong_value", "input"),
            ({"input": [1] * (MAX_INPUTS + 1)}, "wrong_value", "input"),
        ):
            found = refusal(lambda fields=fields: embeddings.decode(json.encode(fields)))
            self.assertEqual((found.kind, found.param, found.status), (kind, param, 400), fields)

    @given(st.dictionaries(st.sampled_from(("model", "input", "user")), values))
    def test_any_object_is_forwarded_or_rejected(self, fields: dict[str, Any]) -> None:
        for body in (fields, {**fields, "model": "m", "input": "a"}):
            try:
                found = embeddings.decode(json.encode(body))
            except FaultError as refused:
                self.assertEqual(refused.fault.status, 400)
            else:
                self.assertEqual(json.decode(found.with_model("other"))["model"], "other")
