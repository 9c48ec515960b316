"""Several drivers, one study in a database."""
