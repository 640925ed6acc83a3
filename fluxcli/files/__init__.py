"""Image files: their names, the check that they are complete, and the write to disk.

`output_path` turns `-o` into paths, `image_check` checks images, `receive` writes them. None of
them knows the service, the journal or the terminal.
"""
