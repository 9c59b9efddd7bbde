"""Errors of an object store as the errors of a disk, which every caller of a storage expects."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

_GONE = {"404", "NoSuchKey", "NotFound"}
#: Codes of AWS, Ceph and others for a full store or an exhausted quota.
_FULL = {"507", "InsufficientStorage", "InsufficientCapacity", "QuotaExceeded", "StorageFull", "XMinioStorageFull"}
_REFUSED = {401, 403}


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Raise OSError for whatever the store, or the way to it, fails with; FileNotFoundError for a missing object."""
    try:
        yield
    except ClientError as error:
        raise OSError(_number(error), _text(error)) from error
    except (BotoCoreError, Boto3Error) as error:
        raise OSError(errno.EIO, _text(error)) from error


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _number(error: ClientError) -> int:
    code, status = code_of(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in _GONE:
        return errno.ENOENT
    if code in _FULL or status == 507:
        return errno.ENOSPC
    return errno.EACCES if status in _REFUSED else errno.EIO


def _text(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
