"""The file in which a project declares its images: `assets.toml`, read, checked and resolved.

Pure: reads the manifest and the files that it names, sends nothing, changes nothing. Every
problem is found in one pass and has its file, line and column. What a manifest means depends
on its text and files alone, on no flag, variable or config file, so that every machine plans
the same build.

`asset` has the classes; `value_types` and `manifest_fields` what each entry may be (checker and
JSON Schema are both made from them); `search` finds the file, `includes` loads it and those it
includes, `manifest` and `member_reader` read the tables; `expand`, `matrix`, `interpolation`,
`prompt_file`, `asset_paths` and `dependencies` resolve; `selection` chooses assets; `schema` and
`example` are for editors and newcomers.
"""
