"""Projections, neighbors and their quality."""
