"""Keeps answers and conversations in one SQLite file, so that requests can go on from them."""
