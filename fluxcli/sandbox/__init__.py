"""The sandbox, a stand-in for the service: tries without a key, and the server of the tests.

It knows the service's HTTP contract from its documentation and from recorded traffic, and keeps
its own copy of every fact. It shares no code with the client, so that a mistake in one cannot
hide the same mistake in the other.
"""
