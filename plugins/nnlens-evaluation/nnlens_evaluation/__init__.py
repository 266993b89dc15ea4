"""Loss and confusion."""
