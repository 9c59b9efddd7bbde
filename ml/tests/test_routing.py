import io

import pytest
from PIL import Image

from ml.serving.routing import PHOTOGRAPHS, THUMBNAILS, Router, detail
from ml.tests.factories import scene

ROUTER = Router(smallest_side=33, least_detail=0.09)
KERNELS = [getattr(Image.Resampling, name) for name in ("NEAREST", "BILINEAR", "BICUBIC", "LANCZOS")]


def test_small_picture_is_a_thumbnail():
    assert ROUTER.choose(scene(256).resize((32, 200), reducing_gap=2)) == THUMBNAILS
    assert ROUTER.choose(scene(256).resize((48, 200), reducing_gap=2)) == PHOTOGRAPHS


@pytest.mark.parametrize("side", [48, 64, 96, 128, 256, 500, 640])
def test_picture_with_more_detail_than_a_thumbnail_is_a_photograph(side):
    assert ROUTER.choose(scene(512).resize((side, side), Image.Resampling.LANCZOS)) == PHOTOGRAPHS


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(48, 48), (64, 64), (96, 72), (128, 128), (256, 256), (500, 375), (640, 640)])
def test_enlarged_thumbnail_is_still_a_thumbnail(kernel, size):
    thumbnail = scene(512).resize((32, 32), Image.Resampling.LANCZOS)
    enlarged = thumbnail.resize(size, kernel)
    buffer = io.BytesIO()
    enlarged.save(buffer, "JPEG", quality=85)
    assert ROUTER.choose(enlarged) == THUMBNAILS
    assert ROUTER.choose(Image.open(buffer).convert("RGB")) == THUMBNAILS


def test_picture_of_one_colour_has_no_detail():
    assert detail(Image.new("RGB", (300, 200), "teal")) == 0.0
    assert ROUTER.choose(Image.new("RGB", (300, 200), "teal")) == THUMBNAILS


def test_detail_is_a_share_of_the_contrast():
    picture = scene(256)
    faint = picture.point(lambda value: 64 + value // 2)
    assert detail(faint) == pytest.approx(detail(picture), rel=0.05)


def test_rule_is_read_from_a_card():
    assert Router.from_card({"smallest_side": 33, "least_detail": 0.09, "errors": {}}) == ROUTER
