"""How far a finished search can be trusted: retrained, and set beside what an engineer would do."""
