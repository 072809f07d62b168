"""``python -m edgefleet_devcluster``."""

import sys

from edgefleet_devcluster.cli.app import main

sys.exit(main())
