"""A plugin that was written for another version of the contract."""

from nnlens import Analysis


class Stranger(Analysis):
    """Do what this nnlens does not know of."""

    plugin_api = 99
    requires = {"label": ("sample",)}
    provides = {"stranger": ("sample",)}

    def compute(self, data, context):
        """Never be called."""
        return data.rename(label="stranger")
