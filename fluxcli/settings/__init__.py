"""The settings: flag, then environment, then preset, then config file, then default.

`values` is the table of settings, `parsers` reads their values, `key` reads the API key, `file`
reads and writes the config file, `folders` finds the folders, and `settings` resolves a value.
Nothing here prints, prompts, or calls the service.
"""
