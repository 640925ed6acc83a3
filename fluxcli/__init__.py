"""The command line for Flux Kontext: images that are paid for once and never lost."""

__version__ = "0.1.0"
