"""The local record of every task, written before any money is spent.

`database` holds the file, its schema and its transactions; `rows` turns a row into a task and
back; `journal` records the states of tasks and the runs they belong to; `lookup` reads them;
`rate_limit` keeps the account's limit of submissions across the processes of this machine;
`uploads` the images that the service still keeps; `replays` the callbacks that were accepted.
Nothing here uses HTTP, prints, or sleeps.
"""
