"""What can go wrong with accepted captures, beside what goes wrong with any."""

from __future__ import annotations

from typing import ClassVar

from calotype.capture.errors import CaptureError
from calotype.errors import CalotypeError


class BatchNotFound(CalotypeError):
    """No such batch or job for this caller: unknown, forgotten, another account's, all told alike."""

    code: ClassVar[str] = "not_found"
    hint: ClassVar[str] = "Batches and jobs are told of for 30 days after they have ended."

    def __init__(self, what: str, batch_id: str) -> None:
        super().__init__(f"There is no such {what}.")
        self.batch_id = batch_id


class NotStored(CaptureError):
    """The picture was taken, but the cache did not take it, and it is fetched from nowhere else."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"The picture was taken but could not be stored ({detail}).")
        self.detail = detail


class Interrupted(CaptureError):
    """The server has died each time when this capture was under way, so it is left alone now."""

    retryable: ClassVar[bool] = False

    def __init__(self, times: int) -> None:
        super().__init__(f"The server was stopped {times} times while this was captured.")
        self.times = times


class GivenUp(CaptureError):
    """The batch's job has failed for the last time, by no fault of the page's."""

    retryable: ClassVar[bool] = True

    def __init__(self, failures: int) -> None:
        super().__init__(
            f"The server has failed {failures} times in a row to go on with this, and has given it up; "
            "its log says why."
        )
        self.failures = failures
