"""Files as objects on S3-compatible storage."""

import io
import posixpath
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import IO, Any
from urllib.parse import urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage

from classifier.storages.errors import as_os_errors, code_of
from classifier.storages.reading import RangeReader
from classifier.storages.stored import StoredFile

#: The most keys that one request deletes.
_BATCH = 1000
_NOT_SUPPORTED = {"NotImplemented", "501"}


class ObjectStorage(S3Storage):
    """A SiteStorage in a bucket. It raises OSError where the store fails, as a disk does.

    An object is overwritten by the next one of its name: names have a random part, see stored.new_part.
    """

    def __init__(self, *, bucket: str, prefix: str = "", endpoint: str = "", region: str = "") -> None:
        client = Config(
            # As other servers than Amazon's understand it too.
            signature_version="s3v4",
            s3={"addressing_style": "path" if endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=3,
            read_timeout=10,
            retries={"mode": "standard", "total_max_attempts": 3},
        )
        super().__init__(
            bucket_name=bucket,
            location=prefix,
            endpoint_url=endpoint or None,
            region_name=region or None,
            client_config=client,
            # A request has its thread already.
            transfer_config=TransferConfig(use_threads=False),
            querystring_expire=60,
        )

    @property
    def client(self) -> Any:
        """boto3's client of this thread."""
        return self.connection.meta.client

    def key(self, name: str) -> str:
        return posixpath.join(self.location, name)

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        with as_os_errors():
            return super().save(name, content, max_length=max_length)

    def delete(self, name: str) -> None:
        with as_os_errors():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with as_os_errors():
            return super().exists(name)

    def size(self, name: str) -> int:
        with as_os_errors():
            return super().size(name)

    def get_modified_time(self, name: str) -> datetime:
        with as_os_errors():
            return super().get_modified_time(name)

    def url(self, *arguments: Any, **options: Any) -> str:
        """A file has no address but the site's own, which asks who wants it."""
        raise NotImplementedError("Stored files are served by views.files.")

    def internal_place(self, name: str, *, content_type: str) -> str:
        # The signature is valid for a minute, and only nginx sees it.
        with as_os_errors():
            signed = urlsplit(super().url(name, parameters={"ResponseContentType": content_type}))
        return f"/_store{signed.path}?{signed.query}"

    def check(self) -> None:
        with as_os_errors():
            self._impatient_client.head_bucket(Bucket=self.bucket_name)

    @cached_property
    def _impatient_client(self) -> Any:
        # Its keys are where boto3 looks for them, as those of `connection`.
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region_name,
            config=self.client_config.merge(
                Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1})
            ),
        )

    def listing(self, folder: str) -> Iterator[StoredFile]:
        for entry in self._list(f"{folder}/"):
            yield StoredFile(self._name(entry["Key"]), entry["Size"], entry["LastModified"])

    def beginning_with(self, prefix: str) -> list[str]:
        return [self._name(entry["Key"]) for entry in self._list(prefix)]

    def delete_all(self, names: Iterable[str]) -> None:
        keys = [{"Key": self.key(name)} for name in names]
        for start in range(0, len(keys), _BATCH):
            with as_os_errors():
                answer = self.client.delete_objects(
                    Bucket=self.bucket_name, Delete={"Objects": keys[start : start + _BATCH], "Quiet": True}
                )
                for error in answer.get("Errors", []):
                    raise ClientError({"Error": error}, "DeleteObjects")

    def abort_uploads(self, *, before: datetime) -> int:
        count = 0
        with as_os_errors():
            try:
                for upload in list(self._pages("list_multipart_uploads", "Uploads", self.key(""))):
                    if upload["Initiated"] < before:
                        which = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
                        self.client.abort_multipart_upload(Bucket=self.bucket_name, **which)
                        count += 1
            except ClientError as error:
                if code_of(error) not in _NOT_SUPPORTED:
                    raise
        return count

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError(f"Objects are opened to read bytes, not as {mode!r}.")

        def fetch(start: int, count: int) -> tuple[bytes, int]:
            with as_os_errors():
                return self._range(name, start, count)

        return File(io.BufferedReader(RangeReader(fetch)), name)

    def _range(self, name: str, start: int, count: int) -> tuple[bytes, int]:
        wanted = f"bytes={start}-{start + count - 1}"
        try:
            answer = self.client.get_object(Bucket=self.bucket_name, Key=self.key(name), Range=wanted)
        except ClientError as error:
            if code_of(error) in ("InvalidRange", "416") and not start:
                return b"", 0  # an empty object
            raise
        return answer["Body"].read(), int(answer["ContentRange"].rpartition("/")[2])

    def _list(self, prefix: str) -> Iterator[dict[str, Any]]:
        with as_os_errors():
            yield from self._pages("list_objects_v2", "Contents", self.key(prefix))

    def _pages(self, operation: str, entries: str, prefix: str) -> Iterator[dict[str, Any]]:
        for page in self.client.get_paginator(operation).paginate(Bucket=self.bucket_name, Prefix=prefix):
            yield from page.get(entries, [])

    def _name(self, key: str) -> str:
        return posixpath.relpath(key, self.location) if self.location else key
