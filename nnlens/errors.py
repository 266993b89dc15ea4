"""Everything nnlens raises on purpose.

::

    NNLensError
    ├── ModelError          a model file, an architecture, or a model that cannot do what is asked
    ├── SamplesError        a data set that cannot be opened or does not fit
    ├── StoreError          a run on disk
    │   ├── StoreLockedError    another writer has it
    │   └── StoreDamagedError   a chunk, a commit or metadata is lost or changed; names it
    ├── CaptureError        a capture that cannot start or go on
    ├── PluginError         a plugin that cannot be loaded
    ├── AnalysisError       an analysis that cannot run on what it was given
    ├── JobError            background work that failed
    │   └── JobCancelledError   somebody cancelled it
    ├── FilterError         a filter text that cannot be read
    └── ExportError         something that cannot be written for other programs

A message is one line that a person can act on: what failed, then what to do. It carries no traceback and no
path that the user did not give.
"""

__all__ = [
    "AnalysisError",
    "CaptureError",
    "ExportError",
    "FilterError",
    "JobCancelledError",
    "JobError",
    "ModelError",
    "NNLensError",
    "PluginError",
    "SamplesError",
    "StoreDamagedError",
    "StoreError",
    "StoreLockedError",
]


class NNLensError(Exception):
    """The base of all errors that nnlens raises on purpose.

    Parameters
    ----------
    message : str
        What failed, one line.
    hint : str, optional
        What to do about it, one line.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ModelError(NNLensError):
    """A model file, an architecture, or a model that cannot do what is asked."""


class SamplesError(NNLensError):
    """A data set that cannot be opened or does not fit the model."""


class StoreError(NNLensError):
    """A run on disk that cannot be read or written."""


class StoreLockedError(StoreError):
    """Another process is writing this run."""


class StoreDamagedError(StoreError):
    """A committed chunk, the commit, or metadata is lost or changed."""


class CaptureError(NNLensError):
    """A capture that cannot start or go on."""


class PluginError(NNLensError):
    """A plugin that cannot be found or loaded."""


class AnalysisError(NNLensError):
    """An analysis that cannot run on what it was given."""


class JobError(NNLensError):
    """Background work that failed."""


class JobCancelledError(JobError):
    """Background work that somebody cancelled."""


class FilterError(NNLensError):
    """A filter text that cannot be read."""


class ExportError(NNLensError):
    """Something that cannot be written for other programs."""
