import pytest

from ml.serving.routing import PHOTOGRAPHS, THUMBNAILS, kind_of


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        ((32, 32), THUMBNAILS),
        ((64, 64), THUMBNAILS),
        ((64, 4000), THUMBNAILS),
        ((4000, 64), THUMBNAILS),
        ((65, 65), PHOTOGRAPHS),
        ((4000, 300), PHOTOGRAPHS),
    ],
)
def test_shorter_side_alone_tells_thumbnails_from_photographs(size, kind):
    assert kind_of(*size) == kind
