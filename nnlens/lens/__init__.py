"""Lens: what scripts and the page use to ask for analyses of a run.

A request (`requesting`, `casting`) becomes a plan of where everything comes from (`planning`), with a key (`keys`); it
is run here (`running`, `assembling`, `computing`) or in another process (`submitting`, `tasks`).
"""

from nnlens.lens.lens import Lens

__all__ = ["Lens"]
