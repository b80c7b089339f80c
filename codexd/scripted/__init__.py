"""The built-in scripted model: a deterministic provider for demos, tests and benchmarks.

The script (script.py) determines the answer from the request alone. It is served in two dialects (server.py).
"""
