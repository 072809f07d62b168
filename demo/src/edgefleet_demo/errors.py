"""The one error that the command line prints without a traceback."""


class DemoError(Exception):
    """Something did not happen; the message names the thing and where to look or what to do."""
