"""Images: opened, checked, split, and held as pixels for training."""
