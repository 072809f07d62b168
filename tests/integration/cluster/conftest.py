"""What tests of whole clusters share."""

from support.second import run, second, state

__all__ = ["run", "second", "state"]
