"""The service over HTTP: calls in, tasks out.

The only package that imports httpx. `client` holds the calls, `transport` connections and
deadlines, `wire_*` the wire formats, `responses` what an answer proves.
"""
