"""What chosen samples share: their traits against the rest, and against random selections of the same size."""
