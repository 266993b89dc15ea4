"""The channels of a layer: a grid of what each makes of a sample, and a dialog that looks at one closely."""
