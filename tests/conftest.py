"""Settings of every test run, and the cluster that integration and end-to-end tests of a session share."""

import os

from hypothesis import HealthCheck, settings

from support.cluster import cluster, cluster_namespace, pytest_runtest_makereport

# In one place only: every folder that named it again would start a cluster of its own.
__all__ = ["cluster", "cluster_namespace", "pytest_runtest_makereport"]

# `make test` must be green for what it tested yesterday; `make test-full` looks further, and prints its seeds.
settings.register_profile("edgefleet", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "full", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("EDGEFLEET_HYPOTHESIS_PROFILE", "edgefleet"))
