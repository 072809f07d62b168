"""The product's API: the four kinds, what they mean and how they are checked. Must not know kopf or any client."""
