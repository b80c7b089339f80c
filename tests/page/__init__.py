"""Tests of codexd.page."""
