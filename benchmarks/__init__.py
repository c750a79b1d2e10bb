"""Measurements beside peers; `python -m benchmarks` runs them all."""
