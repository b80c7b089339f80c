"""The neutral language: what is asked of a model, what happens, and what came of it.

Front doors and back doors meet here and nowhere else. Standard library and attrs only.
"""
