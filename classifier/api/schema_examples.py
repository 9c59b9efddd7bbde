"""Examples in the OpenAPI description: real responses about made-up images."""

from ml.classes import CLASS_NAMES

_ID = "0e3c2a6e-5f0c-4d0e-8f52-6f1c1b7f2a10"
_SITE = "https://example.org"

PREDICTION = {
    "id": _ID,
    "url": f"{_SITE}/api/v1/predictions/{_ID}/",
    "page": f"{_SITE}/predictions/{_ID}/",
    "image": f"{_SITE}/api/v1/predictions/{_ID}/image/",
    "thumbnail": f"{_SITE}/api/v1/predictions/{_ID}/thumbnail/",
    "answer": "cat",
    "answer_label": "Cat",
    "abstained": False,
    "predicted_class": "cat",
    "confidence": 0.91,
    "probabilities": {"cat": 0.91, **dict.fromkeys([name for name in CLASS_NAMES if name != "cat"], 0.01)},
    "abstention_score": -12.5,
    "corrected_class": None,
    "was_right": None,
    "model": "student_cnn@1",
    "classifier": None,
    "network": "",
    "preprocessing_version": "1",
    "timings": {"decode": 2.1, "resize": 0.8, "infer": 4.2, "thumbnail": 1.3},
    "created_at": "2026-12-01T10:15:00+02:00",
    "expires_at": "2026-12-08T10:15:00+02:00",
    "upload": {
        "name": "cat.jpg",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "format": "JPEG",
        "content_type": "image/jpeg",
        "width": 1200,
        "height": 800,
        "size": 245760,
    },
}
JOB = {
    "id": _ID,
    "url": f"{_SITE}/api/v1/jobs/{_ID}/",
    "page": f"{_SITE}/jobs/{_ID}/",
    "kind": "classify",
    "name": "trip.zip",
    "state": "running",
    "model": "student_cnn@1",
    "total": 1200,
    "done": 398,
    "failed": 2,
    "not_tried": 800,
    "file": None,
    "error": None,
    "failures": [
        {
            "name": "trip/notes.txt",
            "code": "text_file",
            "detail": "This is a text file. Choose an image.",
        }
    ],
    "created_at": "2026-12-01T10:15:00+02:00",
    "started_at": "2026-12-01T10:15:01+02:00",
    "ended_at": None,
}
JOB_PAGE = {
    "next": None,
    "previous": None,
    "results": [{name: value for name, value in JOB.items() if name != "failures"}],
}
CORRECTED = PREDICTION | {"corrected_class": "dog", "was_right": False}
PAGE = {
    "next": f"{_SITE}/api/v1/predictions/?after=2026-12-01T08%3A15%3A00%2B00%3A00_{_ID}",
    "previous": None,
    "results": [PREDICTION],
}
MODEL = {
    "model": "student_cnn@1",
    "url": f"{_SITE}/api/v1/models/student_cnn@1/",
    "name": "student_cnn",
    "number": 1,
    "active": True,
    "classes": [*CLASS_NAMES],
    "architecture": "student_cnn",
    "parameter_count": 11_332_138,
    "test_accuracy": 0.95,
    "test_interval": [0.9455, 0.9541],
    "test_count": 10_000,
    "test_data": "CIFAR-10",
    "digest": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "published_at": "2026-11-25T08:56:11+02:00",
}
MODELS = {"results": [MODEL]}
MODEL_DETAIL = MODEL | {"card": {"name": "student_cnn", "architecture": "student_cnn", "seed": 1}}
ME = {
    "username": "olena",
    "joined_at": "2026-11-01T09:00:00+02:00",
    "token": {
        "name": "the script in the kitchen",
        "scope": "write",
        "created": "2026-12-01T10:00:00+02:00",
        "expiry": "2027-03-01T10:00:00+02:00",
    },
}


def _details(status: int, title: str, detail: str, kind: str = "") -> dict:
    problem_type = f"{_SITE}/api/problems/#{kind}" if kind else "about:blank"
    problem = {"type": problem_type, "title": title, "status": status, "detail": detail}
    return problem | {"request_id": "5b1f0d3c8a9e4f7d9c2e6a1b0f8d7c65"}


def _invalid(status: int, field: str, code: str, detail: str) -> dict:
    errors = [{"field": field, "code": code, "detail": detail}]
    return {**_details(status, "Invalid request", detail, "invalid"), "errors": errors}


PROBLEMS = {
    400: _invalid(400, "image", "empty_file", "The file is empty. Choose another one."),
    401: _details(401, "Authentication required", "Invalid token."),
    403: _details(
        403,
        "Read-only token",
        "This token is read-only. Create one with read and write access.",
        "read-only-token",
    ),
    404: _details(404, "Not found", "Not found, or you do not have access to it."),
    406: _details(406, "Not acceptable", "Could not satisfy the request Accept header."),
    408: _details(408, "Too slow", "The request arrived too slowly. Nothing was saved. Please send it again."),
    409: _details(
        409,
        "Idempotency-Key already used",
        "This Idempotency-Key was already used for a different request. Use a new key.",
        "idempotency-key-reused",
    ),
    411: _details(
        411,
        "Length required",
        "The request does not state its length. Send it with a Content-Length header.",
    ),
    413: _details(413, "Too large", "The request is too large. Send less, or send it in parts."),
    415: _details(415, "Unsupported media type", 'Unsupported media type "text/plain" in request.'),
    429: _details(
        429,
        "Too many requests",
        "Too many requests. Please try again in 30 s.",
    ),
    503: _details(
        503,
        "Temporarily unavailable",
        "No model is available at the moment. Your saved images are safe. Please try again in a minute.",
    ),
}
BATCH = {
    "results": [
        {"name": "cat.jpg", "prediction": PREDICTION, "problem": None},
        {"name": "notes.txt", "prediction": None, "problem": PROBLEMS[400]},
    ]
}
