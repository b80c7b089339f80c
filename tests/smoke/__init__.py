"""Tests of codexd.smoke; tests.live.test_smoke runs the command against a daemon."""
