"""Examples of own classifiers in the OpenAPI description."""

from classifier.api.schema_examples import JOB, PREDICTION

_ID = "5d2b7c1e-3c41-4a57-9b7e-2f0d6c8a9e13"
_EXAMPLE_ID = "b3c9e0a4-7a52-4c1e-8d36-0f9a5b6c7d28"
_API, _PAGE = f"https://example.org/api/v1/classifiers/{_ID}/", f"https://example.org/classifiers/{_ID}/"

CLASS = {"id": 1, "name": "bolts", "image_count": 30}
CLASSES = {"results": [CLASS]}
CLASSIFIER = {
    "id": _ID,
    "url": _API,
    "page": _PAGE,
    "name": "fasteners",
    "classes": [CLASS],
    "image_count": 62,
    "version": 2,
    "created_at": "2026-12-01T10:15:00+02:00",
}
CLASSIFIERS = {"results": [CLASSIFIER]}
EXAMPLE = {
    "id": _EXAMPLE_ID,
    "url": f"{_API}examples/{_EXAMPLE_ID}/",
    "class_name": "bolts",
    "held_out": False,
    "must_stay_right": False,
    "created_at": "2026-12-01T10:16:00+02:00",
    "upload": PREDICTION["upload"],
}
EXAMPLE_PAGE = {"next": None, "previous": None, "results": [EXAMPLE]}
VERSION = {
    "number": 2,
    "url": f"{_API}versions/2/",
    "page": f"{_PAGE}versions/2/",
    "active": True,
    "classes": ["bolts", "nuts"],
    "correct": 41,
    "count": 48,
    "interval": [0.728, 0.927],
    "cross_validated": False,
    "digest": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "created_at": "2026-12-01T10:20:00+02:00",
    "activated_at": "2026-12-01T10:20:00+02:00",
}
VERSIONS = {"results": [VERSION]}
COMPARISONS = {
    "results": [
        {
            "candidate": 2,
            "baseline": 1,
            "count": 48,
            "better": 3,
            "worse": 1,
            "p_value": 0.625,
            "verdict": "Cannot tell yet: of 48 images, 3 are newly correct and 1 newly wrong.",
            "refusals": [],
            "reason": "",
        }
    ]
}
_TRAINING = {"kind": "train", "name": "fasteners", "model": None, "state": "finished"}
RUNS = {"results": [{name: value for name, value in (JOB | _TRAINING).items() if name != "failures"}]}
