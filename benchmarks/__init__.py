"""Benchmarks: figures held against published or plain ones, measured and written to docs/benchmarks.md."""
