"""The store that devices fetch models from: content-addressed, immutable, signed."""
