"""What stands around the maps: header, layers, controls, histogram, matrix, table, pool, jobs, plugins."""
