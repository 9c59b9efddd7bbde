"""Predictions over HTTP: each method validates, calls one service, and serializes the result."""

from uuid import UUID

from django.http import Http404
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.api import schema_examples
from classifier.api.page_links import links, requested_page
from classifier.api.parsers import ImageParser, MultiPartParser
from classifier.api.problems import KeyConflict
from classifier.api.representations import BatchResultSerializer, PageSerializer, PredictionSerializer
from classifier.api.schema import IDEMPOTENCY_KEY, PREDICTION_ID, operation
from classifier.api.serializers import (
    MOST_IMAGES,
    BatchSerializer,
    CorrectionSerializer,
    CreateSerializer,
    ListQuery,
    SubmissionOptionsSerializer,
    idempotency_key,
)
from classifier.api.validation import valid, valid_form, valid_query
from classifier.models import Prediction
from classifier.services.history.correction import NothingToUndo, UnknownLabel, correct, undo_correction
from classifier.services.history.deletion import delete_prediction
from classifier.services.predictions.batch import submit_batch
from classifier.services.predictions.intake import explain_image_error
from classifier.services.predictions.submission import KeyReused, submit_under_key
from classifier.web.requests import own_prediction, owner_of
from ml.images.errors import ImageError


class Predictions(APIView):
    parser_classes = [MultiPartParser, ImageParser]

    def images_in(self, _request: Request) -> int:
        return 1

    @operation(
        operation_id="list_predictions",
        summary=gettext_lazy("List your predictions"),
        description=gettext_lazy(
            "Returns the predictions that match the filters, one page at a time. Follow “next” until it is null."
        ),
        parameters=[ListQuery],
        answer=PageSerializer,
        example=schema_examples.PAGE,
        errors=(400, 404),
    )
    def get(self, request: Request) -> Response:
        query = valid_query(ListQuery, request)
        page = requested_page(query.search.of(owner_of(request)), query.page)
        return _represent(PageSerializer, links(page, request) | {"results": page.items}, request)

    @operation(
        operation_id="create_prediction",
        summary=gettext_lazy("Classify an image"),
        description=gettext_lazy(
            "Send the image as the file “image” in a multipart form, or as the request body with its own "
            "Content-Type. Send “model” or “classifier”, and “keep”, as form fields or query parameters. If “keep” is "
            "0, nothing is stored and the status is 200."
        ),
        parameters=[IDEMPOTENCY_KEY, SubmissionOptionsSerializer],
        request={"multipart/form-data": CreateSerializer, "image/*": OpenApiTypes.BINARY},
        answer=PredictionSerializer,
        example=schema_examples.PREDICTION,
        status=201,
        more_responses={200: OpenApiResponse(PredictionSerializer, gettext_lazy("Classified and not stored."))},
        errors=(400, 403, 409, 415),
    )
    def post(self, request: Request) -> Response:
        sent = valid_form(CreateSerializer, request, address=SubmissionOptionsSerializer)
        try:
            prediction = submit_under_key(
                file=sent.validated_data["image"],
                owner=owner_of(request),
                options=sent.options,
                key=idempotency_key(request),
            )
        except ImageError as error:
            raise ValidationError({"image": explain_image_error(error)}, code=error.code) from error
        except KeyReused as error:
            raise KeyConflict from error
        response = _represent(PredictionSerializer, prediction, request)
        if prediction.is_stored:
            response.status_code, response["Location"] = 201, response.data["url"]
        return response


class Batch(APIView):
    parser_classes = [MultiPartParser]

    def images_in(self, request: Request) -> int:
        # More of them are refused unread.
        return min(max(len(MultiValueDict(request.data).getlist("images")), 1), MOST_IMAGES)

    @operation(
        operation_id="create_predictions",
        summary=gettext_lazy("Classify several images"),
        description=gettext_lazy(
            "Send up to 32 files named “images” in one multipart form. The response lists the prediction "
            "or the error of each file, in order; a bad file does not affect the others. Send “model” or "
            "“classifier”, and “keep”, as form fields or query parameters. An Idempotency-Key identifies the whole "
            "batch: the same files in the same order."
        ),
        parameters=[IDEMPOTENCY_KEY, SubmissionOptionsSerializer],
        request={"multipart/form-data": BatchSerializer},
        answer=BatchResultSerializer,
        example=schema_examples.BATCH,
        errors=(400, 403, 409, 415),
    )
    def post(self, request: Request) -> Response:
        sent = valid_form(BatchSerializer, request, address=SubmissionOptionsSerializer, several="images")
        outcomes = submit_batch(
            files=sent.validated_data["images"],
            owner=owner_of(request),
            options=sent.options,
            key=idempotency_key(request),
        )
        try:
            results = list(outcomes)
        except KeyReused as error:
            raise KeyConflict from error
        return _represent(BatchResultSerializer, {"results": results}, request)


class OnePrediction(APIView):
    @operation(
        operation_id="read_prediction",
        parameters=[PREDICTION_ID],
        summary=gettext_lazy("Read a prediction"),
        description=gettext_lazy("Only your own predictions can be read."),
        answer=PredictionSerializer,
        example=schema_examples.PREDICTION,
        errors=(404,),
    )
    def get(self, request: Request, prediction_id: UUID) -> Response:
        return _represent(PredictionSerializer, own_prediction(request, prediction_id), request)

    @operation(
        operation_id="delete_prediction",
        parameters=[PREDICTION_ID],
        summary=gettext_lazy("Delete a prediction"),
        description=gettext_lazy("Permanently deletes the prediction, its image and its corrections."),
        answer=None,
        status=204,
        errors=(403, 404),
    )
    def delete(self, request: Request, prediction_id: UUID) -> Response:
        delete_prediction(prediction=own_prediction(request, prediction_id))
        return Response(status=204)


class Correction(APIView):
    @operation(
        operation_id="correct_prediction",
        parameters=[PREDICTION_ID],
        summary=gettext_lazy("Correct a prediction"),
        description=gettext_lazy("The latest correction applies. Repeating it changes nothing."),
        request=CorrectionSerializer,
        examples=[OpenApiExample("a dog", {"label": "dog"}, request_only=True)],
        answer=PredictionSerializer,
        example=schema_examples.CORRECTED,
        errors=(400, 403, 404, 415),
    )
    def put(self, request: Request, prediction_id: UUID) -> Response:
        prediction = own_prediction(request, prediction_id)
        sent = valid(CorrectionSerializer, request.data)
        try:
            correct(prediction=prediction, label=sent.validated_data["label"], user=owner_of(request).user)
        except Prediction.DoesNotExist as error:
            # It was deleted in between.
            raise Http404 from error
        except UnknownLabel as error:
            text = _("The model does not have this class. Choose one of the classes shown.")
            raise ValidationError({"label": text}, code="unknown_label") from error
        return _represent(PredictionSerializer, prediction, request)

    @operation(
        operation_id="undo_correction",
        parameters=[PREDICTION_ID],
        summary=gettext_lazy("Undo a correction"),
        description=gettext_lazy("Undoes the latest correction. The previous one, if any, applies again."),
        answer=PredictionSerializer,
        example=schema_examples.PREDICTION,
        errors=(403, 404),
    )
    def delete(self, request: Request, prediction_id: UUID) -> Response:
        prediction = own_prediction(request, prediction_id)
        try:
            undo_correction(prediction=prediction)
        except NothingToUndo as error:
            raise NotFound(_("There is nothing to undo.")) from error
        except Prediction.DoesNotExist as error:
            # It was deleted in between.
            raise Http404 from error
        return _represent(PredictionSerializer, prediction, request)


def _represent(serializer: type, found: object, request: Request) -> Response:
    return Response(serializer(found, context={"request": request}).data)
