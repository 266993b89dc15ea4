"""How sphinx builds these pages; ``make docs`` calls it."""

project = "nnlens"
author = "the nnlens developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_title = "nnlens"
html_copy_source = False
# the names of `nnlens` come from its lazy door, so members are listed by `__all__`
autodoc_default_options = {"members": True, "ignore-module-all": False}
numpydoc_show_class_members = False
myst_heading_anchors = 3
