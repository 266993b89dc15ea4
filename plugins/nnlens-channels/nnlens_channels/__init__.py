"""Feature maps, and what the channels of a layer do over a data set."""
