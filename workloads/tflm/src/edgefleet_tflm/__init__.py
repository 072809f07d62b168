"""TensorFlow Lite Micro on this machine: what preflight and virtual devices run."""
