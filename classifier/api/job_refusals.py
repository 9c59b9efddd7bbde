"""What the API answers to a job that cannot be submitted."""

from rest_framework.exceptions import APIException, ErrorDetail, Throttled, ValidationError

from classifier.services.jobs.failures import (
    JobError,
    NoRoom,
    NoRoomForAnybody,
    NothingToExport,
    NothingToRescore,
    TooManyJobs,
    explain_failure,
)

_WAIT_SECONDS = 60


class UnfinishedJobs(Throttled):
    """The status 429: some of the person's jobs have to end first."""

    def __init__(self, text: str) -> None:
        super().__init__(wait=_WAIT_SECONDS)
        # DRF's own words name no reason.
        self.detail = ErrorDetail(text, self.default_code)


class NoRoomLeft(APIException):
    """The status 413: the archive is more than the person's jobs may store."""

    status_code = 413


class SiteFull(APIException):
    """The status 503: the archives of everybody are more than the site stores."""

    status_code, wait = 503, 60 * 60


def refusal_of(error: JobError, field: str) -> APIException:
    """Return the error of a submission as an exception of the API; unless it is a limit, it belongs to the field."""
    text = explain_failure(error.code, error.values)
    if isinstance(error, TooManyJobs):
        return UnfinishedJobs(text)
    if isinstance(error, NoRoom):
        return NoRoomLeft(text, error.code)
    if isinstance(error, NoRoomForAnybody):
        return SiteFull(text, error.code)
    refusal = ValidationError({field: text}, error.code)
    if isinstance(error, NothingToExport | NothingToRescore):
        # The request is valid; what is stored leaves nothing to do.
        refusal.status_code = 409
    return refusal
