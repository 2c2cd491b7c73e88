"""What can go wrong with a capture; one class per thing a caller would treat differently."""

from __future__ import annotations

from typing import ClassVar

from calotype.errors import CalotypeError


class InvalidRequest(CalotypeError):
    """The request itself cannot be honoured; nothing was done.

    field is the path of the offending field in its nested spelling (`viewport.width`),
    problem says what is wrong with it, remedy what is allowed.
    """

    code: ClassVar[str] = "invalid_parameter"

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field} {problem}; {remedy}.")
        self.field, self.problem, self.remedy = field, problem, remedy


class MissingParameter(InvalidRequest):
    """A field that must be there is not."""

    code: ClassVar[str] = "missing_parameter"


class InvalidUrl(InvalidRequest):
    """The target URL is not one that may be asked for."""

    code: ClassVar[str] = "invalid_url"


class CaptureError(CalotypeError):
    """No picture came of a valid request."""

    code: ClassVar[str] = "render_failed"
    retryable: ClassVar[bool] = True


class TargetForbidden(CaptureError):
    """The page's host is not public, or it does not resolve; both are told alike.

    A difference between the two would let a caller map the network behind us.
    """

    code: ClassVar[str] = "blocked_url"
    retryable: ClassVar[bool] = False
    hint: ClassVar[str] = "The operator can allow a private host with CALOTYPE_EGRESS_ALLOW."

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} could not be found or is not public.")
        self.host = host


class RenderTimeout(CaptureError):
    """The deadline passed while step was under way."""

    code: ClassVar[str] = "timeout"
    hint: ClassVar[str] = "Raise wait.timeout, or wait for less."

    def __init__(self, step: str, budget_ms: int) -> None:
        super().__init__(f"The capture did not finish within {budget_ms} ms; it was {step}.")
        self.step, self.budget_ms = step, budget_ms


class QueueTimeout(RenderTimeout):
    """The deadline passed before the capture had its turn: nothing was learnt about the page."""

    hint: ClassVar[str] = "Try again when fewer captures wait, or raise wait.timeout."


class NavigationFailed(CaptureError):
    """The page could not be reached or loaded; reason is the browser's net error or ours."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The page {url} could not be loaded: {reason}.")
        self.url, self.reason = url, reason


class TargetRefused(CaptureError):
    """The page answered with a status that fail_on turns into an error."""

    def __init__(self, url: str, http_status: int, rule: str) -> None:
        super().__init__(f"The page {url} answered with status {http_status} ({rule}).")
        self.url, self.http_status, self.rule = url, http_status, rule


class PageNotFound(TargetRefused):
    """The page answered 404 or 410."""

    code: ClassVar[str] = "page_not_found"
    retryable: ClassVar[bool] = False


class PictureRefused(CaptureError):
    """There is a picture, but fail_on names what it turned out to be."""

    def __init__(self, url: str, fault: str, rule: str) -> None:
        super().__init__(f"The picture of {url} {fault}, which fail_on names: {rule}.")
        self.url, self.fault, self.rule = url, fault, rule


class BrowserCrashed(CaptureError):
    """The browser or the page's process died, and so did the one more try."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} crashed while the page was captured.")
        self.what = what


class PageTooBig(CaptureError):
    """One of the page's processes took more than it may have, and was ended for it.

    limit is what it may have: `300 MiB of memory`.
    """

    retryable: ClassVar[bool] = False
    hint: ClassVar[str] = "The operator can allow pages more memory with CALOTYPE_PAGE_MAX_MEMORY."

    def __init__(self, limit: str) -> None:
        super().__init__(f"The page took more than {limit}.")
        self.limit = limit


class NothingToShow(CaptureError):
    """The capture came out impossible: an element without area, a picture its format cannot hold."""

    retryable: ClassVar[bool] = False


class QueueFull(CalotypeError):
    """Too many captures wait already."""

    code: ClassVar[str] = "rate_limited"
    retryable: ClassVar[bool] = True
    hint: ClassVar[str] = "Retry after the number of seconds in Retry-After."

    def __init__(self, waiting: int, retry_after_s: int) -> None:
        super().__init__(f"{waiting} captures are waiting already; the queue is full.")
        self.retry_after_s = retry_after_s
