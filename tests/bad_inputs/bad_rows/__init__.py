"""The table of bad inputs: `ROWS`, and what it takes to meet one."""

from bad_rows import data, image_files, networks, stores, weights
from bad_rows.row import Met, Row, meet_at_terminal, meet_in_program

__all__ = ["ROWS", "Met", "Row", "meet_at_terminal", "meet_in_program"]

ROWS: list[Row] = [*weights.ROWS, *networks.ROWS, *data.ROWS, *image_files.ROWS, *stores.ROWS]
