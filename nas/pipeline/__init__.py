"""One plan, one resumable folder: search, retrain, fit, family, train, export, report."""
