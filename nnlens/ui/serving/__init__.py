"""From a run, a model or nothing to an address: the server, pictures over HTTP, the runs of a process."""
