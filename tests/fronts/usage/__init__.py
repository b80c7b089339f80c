"""Tests of the usage for clients."""
