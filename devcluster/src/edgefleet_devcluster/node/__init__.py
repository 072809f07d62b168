"""A node: a machine of the cluster, made of namespaces, control groups and a folder."""
