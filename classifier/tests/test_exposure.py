"""DEBUG on where strangers may come is said at the start."""

import urllib.request

import pytest
from django.utils.module_loading import import_string

from classifier.tests.factories import environment, manage
from classifier.tests.server import serve

#: The app knows nothing of the project.
public_addresses = import_string("cifarsite.exposure.public_addresses")
public_names = import_string("cifarsite.exposure.public_names")
WARNING = "DEBUG is on, and the site can be reached from other machines"

LOCAL = ["localhost", "127.0.0.1", "127.0.1.1", "[::1]", "site.localhost"]
PUBLIC = ["example.org", "*", "192.168.0.7", ".example.org"]


def test_names_of_this_machine_alone_are_not_public():
    assert public_names([]) == public_names(LOCAL) == []
    assert public_names([*LOCAL, *PUBLIC]) == PUBLIC


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        (("127.0.0.1", 8000), False),
        (("::1", 8000), False),
        (("0.0.0.0", 8000), True),  # noqa: S104
        (("::", 8000, 0, 0), True),
        ("/run/socket", False),
    ],
)
def test_address_that_other_machines_reach_is_public(address, is_public):
    assert bool(public_addresses([address])) == is_public


@pytest.mark.parametrize(
    ("hosts", "debug", "said"),
    [("127.0.0.1,example.org", "true", 1), ("127.0.0.1", "true", 0), ("127.0.0.1,example.org", "false", 0)],
)
def test_server_says_by_which_name_it_is_reached(tmp_path, hosts, debug, said):
    with serve(tmp_path, DEBUG=debug, ALLOWED_HOSTS=hosts, WEB_CONCURRENCY="1") as site:
        urllib.request.urlopen(f"{site.address}/healthz").close()  # noqa: S310
    assert (tmp_path / "log").read_text().count(f"{WARNING} (example.org)") == said


@pytest.mark.parametrize(("host", "said"), [("0.0.0.0", 1), ("127.0.0.1", 0)])  # noqa: S104
def test_server_says_at_which_address_it_is_reached(tmp_path, host, said):
    with serve(tmp_path, DEBUG="true", HOST=host, ALLOWED_HOSTS="127.0.0.1", WEB_CONCURRENCY="1") as site:
        urllib.request.urlopen(f"{site.address.replace('0.0.0.0', '127.0.0.1')}/healthz").close()  # noqa: S104, S310
    assert (tmp_path / "log").read_text().count(f"{WARNING} (0.0.0.0:") == said


def test_check_warns(tmp_path):
    done = manage("check", env=environment(tmp_path, DEBUG="true", ALLOWED_HOSTS="example.org"))
    assert (done.returncode, f"(cifarsite.W001) {WARNING}" in done.stderr) == (0, True)
    done = manage("check", env=environment(tmp_path, DEBUG="true", ALLOWED_HOSTS="localhost"))
    assert WARNING not in done.stderr
