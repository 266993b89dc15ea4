"""Where the explorer is served."""

from __future__ import annotations

import socket

from nnlens.errors import NNLensError

HOST = "127.0.0.1"
PORT = 5006


def free_port(wanted: int | None) -> int:
    """Return a port that can be listened on: the wanted one, else the usual one, else any.

    Raises
    ------
    NNLensError
        If the wanted one is taken.
    """
    for port in [wanted] if wanted else [PORT, 0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise NNLensError(f"The port {wanted} is taken.", "Choose another one, or leave it out.")
