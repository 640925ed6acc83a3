"""The life of a task: submit, poll, download.

`submit`, `poll` and `download` are the steps of one image, `job` joins them, `scheduler` runs many
jobs, and `task_runner` does so for the runs of a command. Steps are generators of events and
waits: nothing here sleeps, prints or reads a clock of its own, so a few threads carry out
thousands of images. Each step is in the journal before the next begins.
"""
