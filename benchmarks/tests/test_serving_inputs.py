import io

import pytest
from PIL import Image

from benchmarks.serving.inputs import LARGE, MIX, SMALL, large_picture, photographs, small_picture, write_inputs


def test_the_small_picture_has_32_pixels_a_side_and_about_a_kilobyte():
    content = small_picture()
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.size) == ("JPEG", (32, 32))
    assert 800 <= len(content) <= 1250
    assert content == small_picture()


def test_the_large_picture_has_12_megapixels_and_the_bytes_of_a_photograph():
    content = large_picture()
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.size) == ("JPEG", (4000, 3000))
    assert 3_000_000 <= len(content) <= 4_000_000


def test_a_mix_is_taken_evenly_from_a_folder_and_its_sub_folders(tmp_path):
    for number in range(90):
        path = tmp_path / "photos" / f"{number // 45}" / f"{number:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a photograph")
    (tmp_path / "photos" / "notes.txt").write_text("no photograph")
    found = photographs(tmp_path / "photos")
    assert [path.name for path in found] == [f"{number:02}.jpg" for number in range(0, 90, 2)]
    with pytest.raises(ValueError, match="PHOTOS_DIR"):
        photographs(tmp_path / "nothing")


def test_mix_needs_photographs(tmp_path):
    assert [*write_inputs(tmp_path, None)] == [SMALL, LARGE]
    inputs = write_inputs(tmp_path, tmp_path)
    assert inputs[MIX] == [tmp_path / "large.jpg", tmp_path / "small.jpg"]
