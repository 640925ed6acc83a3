"""A build as other programs and people read it: GitHub's words, JUnit's XML, a page.

Pure renderers over outcomes: text in, text out, but for the pictures that a page shows.
"""
