"""Fails on import, as a plug-in built for another version of a library does."""

raise RuntimeError("this plug-in is broken\nand says so in two lines")
