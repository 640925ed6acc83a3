"""Generates the completion scripts, help pages and man pages from the program's own parser.

`python -m fluxcli.completion` writes them; nothing here runs when a command does.
"""
