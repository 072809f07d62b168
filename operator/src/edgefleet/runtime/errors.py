"""What can go wrong outside, in words that controllers may know."""

from typing import Final

# The API server would refuse the same request again: only another request can help.
_PERMANENT: Final = frozenset({400, 405, 406, 413, 415, 422})


class ApiError(Exception):
    """The Kubernetes API refused a request, or gave no answer in time.

    Attributes:
        status: the HTTP status; 0 without an answer.
        reason: the API's word for it, such as `AlreadyExists`; `Unreachable` without an answer.
        message: the API's sentence.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Keep the API's answer and word it for a person."""
        super().__init__(f"{status or 'no answer'} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def permanent(self) -> bool:
        """Whether the very same request would be refused for ever."""
        return self.status in _PERMANENT


class NotConnected(Exception):  # noqa: N818 - a state, not a fault
    """There is no connection to the broker, or it broke before the broker took the message."""


class SessionTakenOver(Exception):  # noqa: N818 - an order to leave
    """Another process connected under this one's identity: it is in charge now, and this one has to end."""


class RegistryError(Exception):
    """A request to the model registry brought nothing."""


class RegistryUnavailable(RegistryError):  # noqa: N818 - a state, not a fault
    """The model registry gave no usable answer: unreachable, broken or not proving its name. No word on models."""


class RegistryRefused(RegistryError):  # noqa: N818 - an answer
    """The model registry refused a request, in its own words.

    Attributes:
        reason: one word of the contract's reasons or of HTTP's.
        message: one line.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Keep the server's answer."""
        super().__init__(f"{message} ({reason})")
        self.reason = reason
        self.message = message
