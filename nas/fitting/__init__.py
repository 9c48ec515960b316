"""Fitting alpha, beta and gamma by training the networks that they round to."""
