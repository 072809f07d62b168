"""A folder of manifests, read offline: what `edgefleet lint` and `plan` stand on. Must not know any client."""
