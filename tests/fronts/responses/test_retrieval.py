"""codexd.fronts.responses.retrieval: the query of a kept answer."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.responses import Retrieval, retrieval
from codexd.neutral.fault import Refused


class RetrievalTests(SynchronousTestCase):
    """How a kept answer is asked for."""

    def test_nothing_said_is_the_plain_object(self) -> None:
        self.assertEqual(retrieval({}), Retrieval((), False, -1))

    def test_everything_said(self) -> None:
        said = {"include[]": ["a", "b"], "stream": ["true"], "starting_after": ["7"], "other": ["x"]}
        self.assertEqual(retrieval(said), Retrieval(("a", "b"), True, 7))

    def test_every_complaint_names_its_parameter(self) -> None:
        for name, value in (("stream", "yes"), ("starting_after", "-1"), ("starting_after", "x")):
            with self.assertRaises(Refused) as caught:
                retrieval({name: [value]})
            self.assertEqual((caught.exception.fault.param, caught.exception.fault.status), (name, 400))
