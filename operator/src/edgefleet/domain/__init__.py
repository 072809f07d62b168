"""Decisions, and nothing else: pure, deterministic, standard library only. Time comes in as an argument."""
