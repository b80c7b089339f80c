"""Stores responses and conversations in one SQLite file, so that later requests can continue them."""
