"""GitOps for edge-AI fleets: the operator, its API and its command line."""
