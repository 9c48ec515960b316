"""The parts of `benchmarks/search_quality.py`."""
