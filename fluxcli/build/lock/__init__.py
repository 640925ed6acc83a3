"""What a build has made and what it is waiting for: `assets.lock`, committed with the pictures.

`entry` holds the words, `anchor` the hash that tells whether a request is still the same,
`text` the file's form, `store` its rewriting at every transition, `merging` the joining of
the locks of shards. Knows files and hashes; no manifest, no service, no plan.
"""
