"""From a manifest and its lock to pictures: what is to be done, why, and the doing of it.

`plan` decides, purely and without key or network; `disk` is what it may ask of the files;
`work` makes and collects one asset, `build` all of them; `tending` is what changes lock and
files without the service: adopting, pruning, moving, merging. Prints nothing.
"""
