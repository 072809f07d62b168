"""Trains the level-1 model of the demo: from simulated motors to an int8 file that a microcontroller runs."""
