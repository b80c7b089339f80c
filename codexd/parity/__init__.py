"""Golden transcripts: whole exchanges with the real Codex, recorded once and compared ever after.

It stands above everything else: it starts a whole codexd and is its client and its provider.
"""
