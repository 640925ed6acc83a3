"""From what was typed to pictures that are wanted.

Everything that can be judged before money is spent is judged here, and all problems are
told at once. Knows flags, settings, files and the journal's history; sends nothing and
changes nothing. `inputs` reads prompts and pictures, `order` resolves the rest.
"""
