"""The programs of the cluster: which there are, where they come from, and the cache that keeps them."""
