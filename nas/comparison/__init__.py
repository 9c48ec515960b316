"""Networks side by side, as in the tables 2 and 4 of the paper."""
