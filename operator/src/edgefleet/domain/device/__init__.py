"""What a device is, and what fits it."""
