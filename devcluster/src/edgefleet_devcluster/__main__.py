"""``python -m edgefleet_devcluster``."""

import sys

from edgefleet_devcluster.cli import main

sys.exit(main())
