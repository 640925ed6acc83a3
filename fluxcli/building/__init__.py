"""What `fluxcli build` does with its flags: one function for each of its words.

Above the output, for it shows plans and asks for consent; the work itself is the builder's.
Imported only when a build was asked for.
"""
