"""Callbacks of the service: their signature, and the receiver that accepts them on loopback.

A callback is only a notice that a task has ended. Its body is not signed, so nothing in it is used
but the task id, which is: links and states come from the service's record of that task.
"""
