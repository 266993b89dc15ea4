"""The samples nearest to one of the run, or to a picture from outside."""
