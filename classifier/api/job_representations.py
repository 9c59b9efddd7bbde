"""Serializers of responses about jobs."""

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from classifier.api.representations import full_name
from classifier.models import Job, JobItem
from classifier.services.jobs.failures import explain_failure
from classifier.services.jobs.progress import failed_items, progress_of

#: At most this many of the failed files are listed.
MOST_FAILURES = 100


class FailureSerializer(serializers.Serializer):
    """A file that failed."""

    name = serializers.CharField(help_text=gettext_lazy("Its path in the archive."))
    code = serializers.CharField(
        source="error_code", help_text=gettext_lazy("The kind of error, for programs: never translated.")
    )
    detail = serializers.SerializerMethodField(
        help_text=gettext_lazy("The error in words, in the language that was asked for.")
    )

    def get_detail(self, item: JobItem) -> str:
        return explain_failure(item.error_code, item.error_values)


class JobInListSerializer(serializers.ModelSerializer):
    """A background job; done, failed and not_tried add up to total."""

    url = serializers.SerializerMethodField(help_text=gettext_lazy("Its address in the API."))
    page = serializers.SerializerMethodField(help_text=gettext_lazy("Its page for people."))
    model = serializers.SerializerMethodField(help_text=gettext_lazy("The model with its version: name@1."))
    total = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("How many files there are; null until they are listed.")
    )
    done = serializers.SerializerMethodField(help_text=gettext_lazy("How many files are classified."))
    failed = serializers.SerializerMethodField(help_text=gettext_lazy("How many files have failed."))
    not_tried = serializers.SerializerMethodField(
        help_text=gettext_lazy("The number of files that have not been tried; null until the files are listed.")
    )
    file = serializers.SerializerMethodField(
        help_text=gettext_lazy("The address of the file that an export has made; null if there is none.")
    )
    error = serializers.SerializerMethodField(help_text=gettext_lazy("Why the whole job failed; null if it has not."))

    class Meta:
        model = Job
        fields = [
            "id",
            "url",
            "page",
            "kind",
            "name",
            "state",
            "model",
            "total",
            "done",
            "failed",
            "not_tried",
            "file",
            "error",
            "created_at",
            "started_at",
            "ended_at",
        ]
        read_only_fields = fields

    def to_representation(self, job: Job) -> dict:
        # A list has asked for that of all of its jobs at once.
        self._progress = self.context.get("progress", {}).get(job.pk) or progress_of(job)
        return super().to_representation(job)

    def get_url(self, job: Job) -> str:
        return reverse("api_job", args=[job.pk], request=self.context["request"])

    def get_page(self, job: Job) -> str:
        return reverse("job", args=[job.pk], request=self.context["request"])

    def get_model(self, job: Job) -> str | None:
        return full_name(job.model_version) if job.model_version else None

    def get_done(self, _job: Job) -> int:
        return self._progress.done

    def get_failed(self, _job: Job) -> int:
        return self._progress.failed

    def get_not_tried(self, _job: Job) -> int | None:
        return self._progress.not_tried

    def get_file(self, job: Job) -> str | None:
        return reverse("api_job_file", args=[job.pk], request=self.context["request"]) if job.result else None

    def get_error(self, job: Job) -> str | None:
        return explain_failure(job.error_code, job.error_values) if job.error_code else None


class JobSerializer(JobInListSerializer):
    """A background job with the first of its failures."""

    failures = serializers.SerializerMethodField(help_text=gettext_lazy("The first hundred files that failed."))

    class Meta(JobInListSerializer.Meta):
        fields = [*JobInListSerializer.Meta.fields, "failures"]
        read_only_fields = fields

    @extend_schema_field(FailureSerializer(many=True))
    def get_failures(self, job: Job) -> list:
        return list(FailureSerializer(failed_items(job)[:MOST_FAILURES], many=True).data)


class JobPageSerializer(serializers.Serializer):
    """A page of jobs, the newest first."""

    next = serializers.CharField(allow_null=True, help_text=gettext_lazy("The address of the next page."))
    previous = serializers.CharField(allow_null=True, help_text=gettext_lazy("The address of the previous page."))
    results = JobInListSerializer(many=True)
