"""Tests of codexd.images."""
