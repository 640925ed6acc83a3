"""The command line for Flux Kontext: images that are paid for once and never lost."""

import os

__version__ = "0.1.0"


def shipped(name: str) -> bytes:
    """Return the bytes of a file of this package, which may itself be in a zip archive.

    `name` is relative to the package, with forward slashes.

    Raises:
        OSError: there is no such file.
    """
    path = os.path.join(os.path.dirname(__file__), *name.split("/"))  # noqa: PTH118, PTH120 - start-up
    # The loaders of files and of zip archives both have it.
    content: bytes = __spec__.loader.get_data(path)  # type: ignore[union-attr]
    return content
