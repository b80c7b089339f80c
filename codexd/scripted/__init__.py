"""The embedded scripted model: a deterministic provider for demo, tests and benchmarks.

The script (script.py) decides an answer from the request alone; two dialects speak it; server.py is the rim.
"""
