"""Checks of the explanations themselves, by any method: their results stand beside the maps."""
