"""Parity's own tests, and the comparison itself (test_golden.py)."""

from pathlib import Path

FIXTURES = Path(__file__).parents[2] / "fixtures"
