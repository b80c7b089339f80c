"""Bytes to frames and back: incremental, and the same whatever the chunking."""
