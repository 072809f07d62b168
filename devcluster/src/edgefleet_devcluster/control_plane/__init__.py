"""etcd, the API server and what belongs to them: a cluster without nodes."""
