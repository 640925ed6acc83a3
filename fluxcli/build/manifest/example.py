"""An example manifest: `fluxcli assets init` writes it. It passes its own check."""

from __future__ import annotations

_TEXT = """\
# The images of this project. `fluxcli build --plan` shows what would be made, and why;
# `fluxcli build` makes it. Commit this file, `assets.lock` and the images.
# `fluxcli assets schema > assets.schema.json` lets editors help, with a first line
# `#:schema ./assets.schema.json`.
#
# To optimise an image in place, run your own tool on it and then `fluxcli assets adopt ASSET`:
# the lock keeps the task and the original's hash, and edits of the image do not become stale.

version = 1
output_dir = "images"                 # relative to this file
# include = ["icons/assets.toml"]     # other manifests below this folder; they share [vars]

[defaults]                            # for every asset of this file that does not set them
model = "pro"                         # pro or max
output_format = "png"                 # jpeg or png

[vars]                                # texts to use as {name}
style = "flat vector, two colours, white background"

[assets.hero]
prompt = "A lighthouse at dawn, {style}"      # or prompt_file = "prompts/hero.txt"
aspect_ratio = "21:9"                 # 21:9 16:9 4:3 1:1 3:4 9:16
tags = ["landing"]                    # `fluxcli build --tag landing`

[assets.hero-night]
edit = "@hero"                        # another asset, a path or a URL
prompt = "Make it night"

[assets.icon]                         # three assets: icon[1:1,mail], icon[1:1,phone], …
prompt = "A {what} icon, {style}"
matrix = { what = ["mail", "phone"], aspect_ratio = ["1:1", "16:9"] }
exclude = [{ what = "phone", aspect_ratio = "16:9" }]
output = "icons/{what}-{aspect_ratio}.{ext}"
accept = { max_kb = 4096, min_width = 256 }
frozen = false                        # true: never made again as a side effect

[assets.card]                         # two assets, named by the first key: card[en], card[de]
prompt = "A greeting card with the words: {text}"
each = [{ lang = "en", text = "Hello" }, { lang = "de", text = "Hallo" }]
output = "cards/{lang}.{ext}"
"""


def example() -> str:
    """Return a commented manifest."""
    return _TEXT
