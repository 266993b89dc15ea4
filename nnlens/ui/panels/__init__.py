"""What stands around the maps: header, controls, histogram, matrix, table, pool, jobs, plugins."""
