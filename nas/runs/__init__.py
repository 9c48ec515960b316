"""Run folders: written by a search, read by everything after it."""
