"""make demo: a fleet on one machine, from git push to devices that verified their model."""
