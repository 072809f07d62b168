"""The `edgefleet` command line, also installed as the kubectl plug-in `kubectl edgefleet`."""
