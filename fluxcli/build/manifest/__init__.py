"""The file in which a project declares its pictures: `assets.toml`, read and checked.

Pure: reads the manifest and looks at the files that it names, sends nothing, changes
nothing. Every problem is found in one look and has its line and column. What a manifest
means depends on nothing but its text: no flag, variable or config file has a say, so that
every machine plans the same build.

`model` holds the words; `kinds` and `fields` what each entry may be (checker and JSON
Schema are both made from them); `manifest` reads; `assets`, `matrix`, `wording`, `places`
and `graph` resolve; `selection` chooses a part; `schema` and `example` are for editors and
beginners. The lock that belongs to a manifest is another room's.
"""
