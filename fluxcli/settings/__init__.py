"""What the user has settled: flag, then environment, then config file, then default.

`values` is the table of settings, `parsers` reads their values, `key` guards the API key,
`file` reads and writes the config file, `folders` finds the folders, and `resolve` puts it
all together. Nothing here prints, asks, or speaks to the service.
"""
