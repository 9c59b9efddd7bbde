"""What photographs of anything look like to a backbone: with few examples, that says what is unusual in a class.

The statistics are of photographs that show none of the usual classes, and come with the backbone: the mean of their
features and the directions of largest variance, a third of a megabyte. They contain no photograph.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ml.heads.components import principal

_FOLDER = Path(__file__).parent / "backgrounds"
#: The directions that are kept. 64, 192 and 256 tell known from unknown images no better.
_RANK = 128


@dataclass(frozen=True)
class Background:
    """A Gaussian of features of length 1.

    digest: SHA-256 of the backbone's graph. mean: (F,). directions: float32 (R, F). variances: (R,). rest: the variance
    of every other direction.
    """

    digest: str
    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    rest: float

    @classmethod
    def fit(cls, features: np.ndarray, digest: str) -> "Background":
        """Measure features of length 1, (N, F)."""
        mean = features.mean(axis=0)
        directions, variances = principal(features - mean, min(_RANK, features.shape[1] // 2))
        others = float(np.square(features - mean).sum(axis=1).mean() - variances.sum())
        rest = max(others / max(features.shape[1] - len(variances), 1), float(np.finfo(np.float32).tiny))
        return cls(digest, mean, directions, variances, rest)

    def save(self, folder: Path = _FOLDER) -> None:
        directions = self.directions.astype(np.float16)
        values = np.append(self.variances, self.rest).astype(np.float32)
        np.savez_compressed(
            _file(self.digest, folder), mean=self.mean.astype(np.float32), directions=directions, values=values
        )

    @staticmethod
    @lru_cache
    def of(digest: str, folder: Path = _FOLDER) -> "Background | None":
        """Return that of the backbone with this digest, if there is one."""
        path = _file(digest, folder)
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as arrays:
            *variances, rest = arrays["values"].tolist()
            directions = arrays["directions"].astype(np.float32)
            return Background(digest, arrays["mean"], directions, np.array(variances, np.float32), rest)

    def nearness(self, features: np.ndarray, centres: np.ndarray) -> np.ndarray:
        """The cosine of features (N, F) with the nearest of the centres (C, F), (N,), where every direction in which
        photographs differ counts the same.
        """
        return (self._directed(features) @ self._directed(centres).T).max(axis=1)

    def _directed(self, rows: np.ndarray) -> np.ndarray:
        """Whitened rows (N, F) of length 1."""
        offsets = rows - self.mean
        along = offsets @ self.directions.T
        weights = 1 / np.sqrt(np.maximum(self.variances, self.rest)) - 1 / np.sqrt(self.rest)
        whitened = offsets / np.sqrt(self.rest) + (along * weights) @ self.directions
        return whitened / np.maximum(np.linalg.norm(whitened, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _file(digest: str, folder: Path) -> Path:
    return folder / f"{digest[:16]}.npz"
