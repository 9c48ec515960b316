"""What leaves the toolkit: state dicts under other libraries' names."""
