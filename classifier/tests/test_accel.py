"""nginx, as it is shipped, sends images that the site has allowed, from the local disk and from an object store."""

import http.client
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from classifier.tests.factories import image_bytes
from classifier.tests.server import serve
from classifier.tests.test_hostile_clients import Visitor
from classifier.tests.test_proxy import needs_nginx, nginx

pytestmark = needs_nginx


class Image(NamedTuple):
    """An image behind nginx, and the cookie of its owner."""

    host: str
    path: str
    cookie: str
    sent: bytes

    def get(self, path: str = "", method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request(method, path or self.path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read()


@pytest.fixture(scope="module", params=["local", "swift"])
def image(request, tmp_path_factory) -> Iterator[Image]:
    variables = {"WEB_CONCURRENCY": "1", "SWEEP_AT_START": "false", "BEHIND_PROXY": "true", "SERVE_UPLOADS": "accel"}
    changes = {}
    if request.param == "swift":
        store = request.getfixturevalue("swift_server").for_one_test()
        variables |= store.environment()
        changes = {"http://store:3900": store.endpoint}
    with serve(tmp_path_factory.mktemp("server"), **variables) as site:
        changes |= {"/data/media/": f"{site.folder}/media/"}
        with nginx(tmp_path_factory.mktemp("nginx"), site.address, **changes) as address:
            visitor = Visitor(site._replace(address=address))
            answer = visitor.upload()
            cookie = re.search(r"Set-Cookie: (sessionid=\w+)", answer.head)[1]
            result = re.search(r"Location: (\S+)", answer.head)[1]
            image = Image(address.removeprefix("http://"), result, cookie, image_bytes())
            _page, html = image.get(Cookie=cookie)
            yield image._replace(path=re.search(rb"/uploads/[0-9a-f-]+/image", html)[0].decode())


def test_owner_gets_the_image_from_nginx_with_the_sites_headers(image):
    answer, content = image.get(Cookie=image.cookie)
    assert (answer.status, content) == (200, image.sent)
    headers = {name.lower(): value for name, value in answer.getheaders()}
    assert headers["content-type"] == "image/jpeg"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "private, max-age=86400, immutable"
    assert headers["content-disposition"].startswith('inline; filename="')
    assert "Cookie" in headers["vary"]
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])
    assert len(headers) == len(answer.getheaders())
    assert not [value for value in headers.values() if "X-Amz" in value]
    assert "x-accel-redirect" not in headers
    head, nothing = image.get(method="HEAD", Cookie=image.cookie)
    assert (head.status, nothing, head.getheader("Content-Length")) == (200, b"", str(len(image.sent)))


def test_others_do_not_and_nobody_asks_nginx_itself(image):
    assert image.get()[0].status == 404
    for path in ("/_files/uploads/", "/_files/../etc/passwd", "/_store/site-of-the-tests", "/_store/"):
        answer, content = image.get(path, Cookie=image.cookie)
        assert answer.status == 404, path
        assert b"<Error>" not in content
