"""The explorer: a page of linked views over one run, made of parts that other pages can use too.

A `Session` (in `core`) holds the run, the state and the hub that pushes a selection into every view. Each module of
`maps`, `panels` and `inspector` builds one part of the page from a session; `page` lays them out; `serving`
serves them.
"""
