"""Tests of codexd.scripted."""
