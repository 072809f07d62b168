"""`python -m edgefleet_model_registry`: the same as the command edgefleet-model-registry."""

import sys

from edgefleet_model_registry.server import main

if __name__ == "__main__":
    sys.exit(main())
