"""The service over HTTP: calls in, tasks out.

The only room that knows httpx and the wire's words. `dialect` holds the words of one API
(a second one exists), `verdict` what an answer means for money, `connection` how bytes
travel, `client` what the rest of the house calls.
"""
