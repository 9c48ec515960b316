"""Ways of judging a network, one file each."""
