"""What a folder of manifests would do to a fleet, before anybody applies it."""
