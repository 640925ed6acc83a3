"""Reports of a build for other programs and for people: GitHub, JUnit, HTML.

Renderers are pure: outcomes in, text out; only HTML reads the images that it shows.
"""
