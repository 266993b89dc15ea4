"""One sample: its record, what counts in its picture, and its neighbors."""
