"""One picture on its way from request to file.

Everything here is a generator of events and waits: nothing sleeps, prints or reads a clock
of its own, so that a scheduler can carry out thousands of pictures with a few threads. Each
step is in the journal before the next begins; what is paid for is never asked for twice.
`asking` leads to a task, `collecting` from a task to its file, `work` joins the two.
"""
