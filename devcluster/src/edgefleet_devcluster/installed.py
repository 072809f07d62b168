"""The programs that the distribution's packages bring, wherever the user's PATH points."""

from __future__ import annotations

import shutil

from edgefleet_devcluster.errors import DevclusterError

PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"


def locate(program: str) -> str:
    """Return the program's full path.

    Raises:
        DevclusterError: It is not installed.
    """
    found = shutil.which(program, path=PATH)
    if found is None:
        raise DevclusterError(f"`{program}` is not installed: `make setup` installs it, or see `devcluster doctor`")
    return found
