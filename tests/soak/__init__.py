"""The soak: mixed load, disconnects, slow readers and faults against a real codexd, for as long as one likes.

`python -m tests.soak --seconds 3600` runs it and prints what it found; tests/live/test_soak.py is its short form.
"""
