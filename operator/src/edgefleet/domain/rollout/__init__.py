"""Which devices get which version, when."""
