"""Loss, confusion and label quality."""
