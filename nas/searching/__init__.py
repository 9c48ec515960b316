"""The search: its settings, its loop, its result."""
