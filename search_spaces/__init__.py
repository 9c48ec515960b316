"""The built-in search spaces and reference networks, imported as `nas.search_spaces`."""
