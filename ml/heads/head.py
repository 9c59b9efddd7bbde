"""A head: from the features of a frozen backbone to predictions. NumPy alone serves it."""

import io
import zlib
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np

from ml.classes import NONE_CLASS
from ml.confidence.calibration import softmax
from ml.confidence.decision import Predictions
from ml.heads.background import Background
from ml.heads.likeness import Likeness, Spread

_FORMAT = 1


@dataclass(frozen=True)
class Head:
    """kernel: float32 (features, classes). threshold: the likeness below which it abstains."""

    class_names: tuple[str, ...]
    kernel: np.ndarray
    bias: np.ndarray
    temperature: float
    likeness: Likeness
    threshold: float

    @property
    def none_index(self) -> int | None:
        """The class of images of none of the others, if there is one."""
        return self.class_names.index(NONE_CLASS) if NONE_CLASS in self.class_names else None

    def predict(self, features: np.ndarray) -> Predictions:
        """Return predictions for features (N, F), as a backbone computes them."""
        rows = normalised(features)
        return self.decide(self._logits(rows), self.likeness.scores(rows))

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the logits, float32 (N, classes), of features (N, F), as a backbone computes them."""
        return self._logits(normalised(features))

    def decide(self, logits: np.ndarray, scores: np.ndarray) -> Predictions:
        """Return predictions for logits (N, classes) and likeness scores (N,), by its temperature and threshold."""
        probabilities = softmax(logits, self.temperature)
        # Not `<`: a score that is no number is no reason to answer.
        abstained = ~(scores >= self.threshold)
        if self.none_index is not None:
            abstained |= probabilities.argmax(axis=1) == self.none_index
        return Predictions(probabilities, softmax(logits), scores, np.full(len(scores), self.threshold), abstained)

    def _logits(self, rows: np.ndarray) -> np.ndarray:
        return rows @ self.kernel + self.bias

    def save(self) -> bytes:
        """Return the content of an .npz file, from which `load` makes the head again."""
        buffer = io.BytesIO()
        within, whole, background = self.likeness.within, self.likeness.whole, self.likeness.background
        # Names as bytes: an array of text has four bytes a character, and a pickle would be needed for objects.
        np.savez_compressed(
            buffer,
            format=_FORMAT,
            class_names=np.frombuffer("\n".join(self.class_names).encode(), np.uint8),
            kernel=self.kernel,
            bias=self.bias,
            decision=np.array([self.temperature, self.threshold, within.variance, whole.variance], np.float64),
            centres=np.vstack([self.likeness.centre, self.likeness.class_centres]),
            within_directions=within.directions,
            within_weights=within.weights,
            whole_directions=whole.directions,
            whole_weights=whole.weights,
            background=np.frombuffer((background.digest if background else "").encode(), np.uint8),
        )
        return buffer.getvalue()

    @classmethod
    def load(cls, content: bytes) -> "Head":
        """Raise ValueError for what `save` did not return."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                if int(arrays["format"]) != _FORMAT:
                    raise ValueError(f"a head of format {int(arrays['format'])}, not {_FORMAT}")
                temperature, threshold, within, whole = arrays["decision"].tolist()
                centre, *class_centres = arrays["centres"]
                return cls(
                    tuple(arrays["class_names"].tobytes().decode().split("\n")),
                    arrays["kernel"],
                    arrays["bias"],
                    temperature,
                    Likeness(
                        centre,
                        np.stack(class_centres),
                        Spread(arrays["within_directions"], arrays["within_weights"], within),
                        Spread(arrays["whole_directions"], arrays["whole_weights"], whole),
                        _background(arrays["background"]) if "background" in arrays else None,
                    ),
                    threshold,
                )
        except (BadZipFile, EOFError, KeyError, OSError, TypeError, ValueError, zlib.error) as error:
            raise ValueError(f"not a head: {error}") from error


def _background(digest: np.ndarray) -> Background | None:
    """Return the background that a head's threshold was chosen with. Raises ValueError if it is not there."""
    name = digest.tobytes().decode()
    found = Background.of(name) if name else None
    if name and found is None:
        raise ValueError(f"the statistics of its backbone {name[:16]} are missing")
    return found


def normalised(features: np.ndarray) -> np.ndarray:
    """Bring features (N, F) to length 1, float32; those of length 0 stay so."""
    features = features.astype(np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)
