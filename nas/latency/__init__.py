"""Seconds on a device: measured for whole networks, tabled for blocks, predicted for a space."""
