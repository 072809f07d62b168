"""What controllers stand on: queues, writers and the values that cross to the outside. Must not know any adapter."""
