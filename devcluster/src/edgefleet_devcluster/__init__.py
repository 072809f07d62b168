"""A real Kubernetes on one machine, from packages: component builder, certificates, control plane."""
