"""codexd.fronts.responses.retrieval: the query for a stored response."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.responses import RetrievalOptions, parse_retrieval_options
from codexd.neutral.fault import FaultError


class RetrievalTests(SynchronousTestCase):
    """How a stored response is requested."""

    def test_the_default_is_the_plain_object(self) -> None:
        self.assertEqual(parse_retrieval_options({}), RetrievalOptions((), False, -1))

    def test_all_parameters(self) -> None:
        said = {"include[]": ["a", "b"], "stream": ["true"], "starting_after": ["7"], "other": ["x"]}
        self.assertEqual(parse_retrieval_options(said), RetrievalOptions(("a", "b"), True, 7))

    def test_every_error_names_its_parameter(self) -> None:
        for name, value in (("stream", "yes"), ("starting_after", "-1"), ("starting_after", "x")):
            with self.assertRaises(FaultError) as caught:
                parse_retrieval_options({name: [value]})
            self.assertEqual((caught.exception.fault.param, caught.exception.fault.status), (name, 400))
