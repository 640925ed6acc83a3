"""From the typed command to the images to make.

Everything that can be checked before money is spent is checked here, and all problems are
reported together. Knows flags, settings, files and the journal's history; sends nothing and
changes nothing. `inputs` reads prompts and input
images, `resolve` the rest; `remaining` compares it with what exists.
"""
