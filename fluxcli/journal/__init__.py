"""The local record of every task, written before the money.

`store` holds the file, its schema and its transactions; `ledger` a task's way through its
states and the runs that ask for tasks; `pace` the account's limit, shared by every process
of this machine; `uploads` the input pictures that the service still has. Nothing here knows
HTTP, prints, or sleeps.
"""
