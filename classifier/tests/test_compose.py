"""docker-compose.yml, read as Compose reads it: no engine is needed."""

import pytest
import yaml

from classifier.tests.factories import BASE_DIR
from docs import settings_page

#: What the image itself decides, and what is for other ways to run the site.
FIXED = {
    "DATABASE_URL",
    "DEBUG",
    "HOST",
    "MEDIA_ROOT",
    "MODELS_DIR",
    "MODEL_CACHE_DIR",
    "PORT",
    "RUNS_DIR",
    "SECRET_KEY",
    "SECRET_KEY_FILE",
    "STATIC_ROOT",
}


@pytest.fixture(scope="module")
def services() -> dict[str, dict]:
    return yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())["services"]


def test_every_setting_reaches_the_site(services):
    names = {setting.name for setting in settings_page.declared()}
    assert "MAX_UPLOAD_MEGABYTES" in names
    assert sorted(names - FIXED - services["web"]["environment"].keys()) == []


def test_only_the_web_service_is_asked_whether_it_serves(services):
    assert "healthcheck" not in services["web"]
    others = [one for name, one in services.items() if name != "web" and one["image"] == services["web"]["image"]]
    assert all(service["healthcheck"] == {"disable": True} for service in others)


def test_only_the_proxy_is_reached_from_outside(services):
    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]
    assert services["web"]["environment"]["BEHIND_PROXY"] == "true"
    source, target, _read_only = services["proxy"]["volumes"][0].split(":")
    assert target == "/etc/nginx/nginx.conf"
    configuration = (BASE_DIR / source).read_text()
    assert "listen 8080;" in configuration
    assert "http://web:8080;" in configuration
    assert "PORT=8080" in (BASE_DIR / "Dockerfile").read_text()


def test_every_container_is_bounded_and_has_no_capability(services):
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["mem_limit"]
        assert service["pids_limit"]
        assert service["read_only"] is True
        assert all("size=" in mount for mount in service["tmpfs"])
