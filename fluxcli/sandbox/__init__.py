"""The stand-in service: a playground without a key, and the world that the tests live in.

It knows the service's HTTP contract from its documentation and from recorded traffic, by its
own copies of every fact. It shares no line with the client: a mistake in one must not hide
the same mistake in the other.
"""
