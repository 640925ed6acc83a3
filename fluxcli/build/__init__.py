"""Images as a build product: from a manifest and its lock to files, with a reason for each step.

`plan` decides, purely and without key or network; `asset_job` makes and collects one asset,
`executor` all of them; `maintenance` is what changes lock and files without the service:
adopting, pruning, moving, merging. `manifest`, `lock` and `report` hold the file formats.
"""
