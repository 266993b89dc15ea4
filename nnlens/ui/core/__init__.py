"""What a page stands on: its session, the hub that links views, the data all sessions share, its background work."""
