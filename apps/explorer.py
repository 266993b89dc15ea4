"""The explorer as an app: ``panel serve apps/explorer.py``, or with ``--args RUN``; without a run, the digits demo.

With pictures over HTTP and threads: ``--plugins nnlens.ui.routes --num-threads 4 --warm``.
"""

import sys

from nnlens.ui.serving import launch

launch.app(sys.argv[1:])
