"""Why something outside could not be reached."""

from __future__ import annotations

from typing import ClassVar

from calotype.errors import CalotypeError


class EgressError(CalotypeError):
    """No connection came about; host and port say where to."""

    def __init__(self, message: str, host: str, port: int) -> None:
        super().__init__(message)
        self.host, self.port = host, port


class Refused(EgressError):
    """The host does not resolve, or none of its addresses may be reached; both are told alike.

    A difference between the two would let a caller map the network behind us. The log
    knows which it was.
    """

    code: ClassVar[str] = "blocked_url"
    hint: ClassVar[str] = "The operator can allow a private host with CALOTYPE_EGRESS_ALLOW."

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"{host} could not be found or is not public.", host, port)


class Unreachable(EgressError):
    """The host may be reached, but did not answer; reason is a short phrase for people."""

    code: ClassVar[str] = "unreachable"
    retryable: ClassVar[bool] = True

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"{host}:{port} could not be reached: {reason}.", host, port)
        self.reason = reason
