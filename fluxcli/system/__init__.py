"""Differences between operating systems, one module for each; knows nothing of the program."""
