"""Failures of a job or one of its files: a code in the row, and its message in the current language."""

from django.utils.translation import gettext as _

from classifier.services.classifiers.failures import classifier_words
from classifier.services.predictions.intake import explain_code
from ml.images.errors import ImageError


class ItemError(ImageError):
    """One file of a job cannot be classified; the others can."""


class EncryptedMember(ItemError):
    code = "encrypted_member"
    message = "The file is encrypted. Create an archive without a password."


class UnsafePath(ItemError):
    code = "unsafe_path"
    message = "The path leads out of the archive. Rename the file and create the archive again."


class DamagedMember(ItemError):
    code = "damaged_member"
    message = "The file is damaged in the archive. Create the archive again."


class UnknownCompression(ItemError):
    code = "unknown_compression"
    message = "The compression method is not supported. Create the archive with Deflate or without compression."


class PackedTooTightly(ItemError):
    code = "packed_too_tightly"
    message = "The file unpacks to more than 200 times its size in the archive, which photos never do."


class LostUpload(ItemError):
    code = "lost_upload"
    message = "The image was deleted, or its file is missing."


class StoppedItsReader(ItemError):
    code = "stopped_its_reader"
    message = "Reading the file crashed the program several times. Save the image again and retry."


class CannotAdd(ItemError):
    """An image cannot become an example of a classifier, for one of the reasons of classifiers/failures.py."""

    def __init__(self, code: str, values: dict[str, int | str]) -> None:
        super().__init__()
        self.code, self.values = code, values


class JobError(Exception):
    """A whole job failed; `code` is the reason and `values` the figures in its message."""

    code = "job_error"

    def __init__(self, **values: int | str) -> None:
        super().__init__(self.code)
        self.values = values


class NotAnArchive(JobError):
    code = "not_an_archive"


class DamagedArchive(JobError):
    code = "damaged_archive"


class ArchiveTooLarge(JobError):
    code = "archive_too_large"


class TooManyFiles(JobError):
    code = "too_many_files"


class EmptyArchive(JobError):
    code = "empty_archive"


class FilesGone(JobError):
    code = "files_gone"


class NothingToExport(JobError):
    code = "nothing_to_export"


class NothingToRescore(JobError):
    code = "nothing_to_rescore"


class TooManyJobs(JobError):
    code = "too_many_jobs"


class TrainingFailed(JobError):
    code = "training_failed"


class BackupFailed(JobError):
    code = "backup_failed"


class NeighboursFailed(JobError):
    code = "neighbours_failed"


class NoRoom(JobError):
    code = "no_room"


class NoRoomForAnybody(JobError):
    code = "no_room_for_anybody"


class ClassifierGone(JobError):
    code = "classifier_gone"


class CannotTrain(JobError):
    code = "cannot_train"


def explain_failure(code: str, values: dict[str, int | str]) -> str:
    """Why a file or a job failed."""
    words = _words().get(code) or classifier_words().get(code)
    return words % values if words else explain_code(code, values)


def _words() -> dict[str, str]:
    return {
        EncryptedMember.code: _("The file is encrypted. Create an archive without a password."),
        UnsafePath.code: _("The path leads out of the archive. Rename the file and create the archive again."),
        DamagedMember.code: _("The file is damaged in the archive. Create the archive again."),
        UnknownCompression.code: _(
            "The compression method is not supported. Create the archive with Deflate or without compression."
        ),
        PackedTooTightly.code: _(
            "The file unpacks to more than 200 times its size in the archive, which photos never do."
        ),
        LostUpload.code: _("The image was deleted, or its file is missing."),
        StoppedItsReader.code: _("Reading the file crashed the program several times. Save the image again and retry."),
        NotAnArchive.code: _("This is not a ZIP archive. Choose a ZIP, or create one from your files."),
        DamagedArchive.code: _("The archive is damaged or incomplete. Create or download it again and retry."),
        ArchiveTooLarge.code: _("That is more than %(limit)s MB. Send it in several parts."),
        TooManyFiles.code: _("There are more than %(limit)s files. Send them in several parts."),
        EmptyArchive.code: _("The archive contains no files."),
        FilesGone.code: _("The job's files have been deleted. Send them again."),
        NothingToExport.code: _("There is nothing to export."),
        NothingToRescore.code: _("This model has already classified all of the images."),
        TrainingFailed.code: _("The training failed: %(reason)s"),
        BackupFailed.code: _("The backup failed: %(reason)s"),
        NeighboursFailed.code: _("The index could not be built: %(reason)s"),
        NoRoom.code: _(
            "Your archives and exports would take up more than %(limit)s MB. Delete the files of a job that has ended, "
            "or wait until they are deleted."
        ),
        NoRoomForAnybody.code: _("The site cannot store more archives and exports at the moment. Retry in an hour."),
        ClassifierGone.code: _("The classifier was deleted."),
        CannotTrain.code: _("The classifier’s images changed while the job was waiting. Look at them and train again."),
        TooManyJobs.code: _("You have %(limit)s unfinished jobs. Wait until one finishes, or cancel one."),
    }
