"""The one training loop, its recipes, and what it leaves behind."""
