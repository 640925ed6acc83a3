"""A manifest to begin with: `fluxcli build --init` writes it. It passes its own check."""

from __future__ import annotations

_TEXT = """\
# The pictures of this project. `fluxcli build --plan` tells what would be made, and why;
# `fluxcli build` makes it. Commit this file, `assets.lock` and the pictures.
# `fluxcli build --schema > assets.schema.json` lets editors help: they look for it by a first
# line `#:schema ./assets.schema.json`.

version = 1
output_dir = "images"                 # relative to this file

[defaults]                            # for every asset that does not say otherwise
model = "pro"                         # pro or max
output_format = "png"                 # jpeg or png

[vars]                                # texts to be used as {name}
style = "flat vector, two colours, white background"

[assets.hero]
prompt = "A lighthouse at dawn, {style}"
aspect_ratio = "21:9"                 # 21:9 16:9 4:3 1:1 3:4 9:16
tags = ["landing"]                    # `fluxcli build --tag landing`

[assets.hero-night]
edit = "@hero"                        # another asset, a path or a URL
prompt = "Make it night"

[assets.icon]                         # four assets: icon[1:1,mail], icon[1:1,phone], …
prompt = "A {what} icon, {style}"
matrix = { what = ["mail", "phone"], aspect_ratio = ["1:1", "16:9"] }
output = "icons/{what}-{aspect_ratio}.{ext}"
rev = 1                               # raise it for another roll: there is no seed
accept = { max_kb = 4096, min_width = 256 }
frozen = false                        # true: never made again as a side effect
"""


def example() -> str:
    """Return a commented manifest."""
    return _TEXT
