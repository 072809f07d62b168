"""The one error that the command line prints without a traceback."""


class DevclusterError(Exception):
    """Something the user can mend; the message names the thing and, where known, the way."""
