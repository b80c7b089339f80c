import os

from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.journal import is_journal


class JournalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.read, self.write = os.pipe()
        self.addCleanup(os.close, self.read)
        self.addCleanup(os.close, self.write)
        status = os.fstat(self.write)
        self.stream = f"{status.st_dev}:{status.st_ino}"

    def test_the_stream_that_systemd_names_is_the_journal(self) -> None:
        self.assertTrue(is_journal(self.write, {"JOURNAL_STREAM": self.stream}))

    def test_another_stream_is_not(self) -> None:
        # A daemon that was started by a shell of a service inherits the variable, but writes elsewhere.
        elsewhere = os.open(os.devnull, os.O_WRONLY)
        self.addCleanup(os.close, elsewhere)
        for descriptor, environ in (
            (elsewhere, {"JOURNAL_STREAM": self.stream}),
            (self.write, {}),
            (self.write, {"JOURNAL_STREAM": "nonsense"}),
            (None, {"JOURNAL_STREAM": self.stream}),
            (10**6, {"JOURNAL_STREAM": self.stream}),
        ):
            self.assertFalse(is_journal(descriptor, environ))
