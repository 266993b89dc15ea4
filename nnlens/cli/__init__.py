"""The command line: ``nnlens capture``, ``doctor``, ``run``, ``info``, ``verify``, ``plugins``, ``explore``.

Results go to stdout, everything that is said to a person to stderr. Exit status: 0 done, 1 an error that nnlens
names, 2 the command was called wrongly, 3 ``verify`` found damage, 4 ``doctor`` found a better preprocessing, 130
stopped by Ctrl-C.
"""

from nnlens.cli.app import app, main

__all__ = ["app", "main"]
