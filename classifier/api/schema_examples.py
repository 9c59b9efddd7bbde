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
    return {**_details(status, "What was sent is not valid", detail, "invalid"), "errors": errors}


PROBLEMS = {
    400: _invalid(400, "image", "empty_file", "The file is empty. Choose another one."),
    401: _details(401, "Not signed in", "Invalid token."),
    403: _details(
        403,
        "This token may only read",
        "This token may only read. Make one that may read and write.",
        "read-only-token",
    ),
    404: _details(404, "Not found", "There is no such thing here, or it is not yours to see."),
    406: _details(406, "Not available in this format", "Could not satisfy the request Accept header."),
    408: _details(408, "Too slow", "What you sent arrived too slowly. Nothing of it was kept. Please send it again."),
    409: _details(
        409,
        "This Idempotency-Key was used for something else",
        "Something else was sent under this Idempotency-Key before. Use a new key.",
        "idempotency-key-reused",
    ),
    411: _details(
        411,
        "Length required",
        "What you sent does not say how long it is. Send it whole, with its Content-Length.",
    ),
    413: _details(413, "Too large", "That is more than the site takes at once. Send less, or send it in parts."),
    415: _details(415, "Not accepted in this format", 'Unsupported media type "text/plain" in request.'),
    429: _details(
        429,
        "Too many requests",
        "This is more than the site takes from one person in so short a time. Please try again in 30 s.",
    ),
    503: _details(
        503,
        "Not available at the moment",
        "No model can answer at the moment. Nothing that was stored is lost. Please try again in a minute.",
    ),
}
BATCH = {
    "results": [
        {"name": "cat.jpg", "prediction": PREDICTION, "problem": None},
        {"name": "notes.txt", "prediction": None, "problem": PROBLEMS[400]},
    ]
}
