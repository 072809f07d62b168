"""Development time only: writes what is generated from the models. Imported by nothing that runs in a cluster."""
