"""Where pictures land: their names, the check that they are whole, whole files or none.

`names` turns what `-o` meant into paths, `checks` tells a whole picture from anything else,
`files` puts one on disk. None of them knows the service, the journal or the terminal.
"""
