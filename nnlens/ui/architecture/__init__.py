"""The strip of layers: any network drawn from its graph, folded so that it can be read, with what stands beside it."""
