"""What a build has made and what is pending: `assets.lock`, committed with the images.

`entry` holds the records, `fingerprint` the hash that shows whether a request is still the same,
`lock_text` the file's form, `output_names` the check of every path in it, `lock_file` its
rewriting at every transition, `merge` the joining of branches and shards. Knows files and hashes;
no manifest, no service, no plan.
"""
