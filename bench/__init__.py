"""Benchmarks of the CPU time and memory of codexd: `make bench`."""
