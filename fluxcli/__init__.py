"""The command line for Flux Kontext: pictures that are paid for once and never lost."""

__version__ = "0.1.0"
