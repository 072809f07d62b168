"""What stands between a model and the fleet: structure, operators, arena, golden vectors, in a sandbox."""
