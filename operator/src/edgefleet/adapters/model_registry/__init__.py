"""The model registry's HTTP API, for the operator and the command line."""
