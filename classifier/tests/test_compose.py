"""docker-compose.yml, read as Compose reads it: no engine is needed."""

import re
from urllib.parse import urlsplit

import pytest
import yaml

from classifier.tests.factories import BASE_DIR
from docs import settings_page

#: What the image itself decides, and what is for other ways to run the site.
FIXED = {
    "DATABASE_URL",
    "DATASETS_DIR",
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


@pytest.fixture(scope="module")
def scaled(services) -> dict[str, dict]:
    """compose.scaled.yml with what its services extend, as Compose merges them."""
    found = yaml.safe_load((BASE_DIR / "compose.scaled.yml").read_text())["services"]
    for name, service in found.items():
        if extended := service.pop("extends", None):
            assert extended["file"] == "docker-compose.yml"
            base = services[extended["service"]]
            environment = base.get("environment", {}) | service.get("environment", {})
            found[name] = base | service | ({"environment": environment} if environment else {})
    return found


def test_scaled_site_has_several_of_each_kind_and_one_step_that_migrates(scaled):
    assert {name: service.get("deploy", {}).get("replicas", 1) for name, service in scaled.items()} == {
        "proxy": 1,
        "web": 2,
        "images": 2,
        "training": 1,
        "migrate": 1,
        "postgres": 1,
        "redis": 1,
        "store": 1,
        "bucket": 1,
    }
    commands = {name: " ".join(service.get("command", [])) for name, service in scaled.items()}
    assert [name for name, command in commands.items() if "migrate" in command] == ["migrate"]
    for name in ("web", "images", "training"):
        assert scaled[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert "-Q images" in commands["images"]
    assert "-Q training" in commands["training"]
    assert "--maxmemory-policy noeviction" in commands["redis"]
    assert "--appendonly yes" in commands["redis"]
    assert not [service for service in scaled.values() if "minio" in service["image"]]


def test_every_variable_of_the_scaled_site_is_a_setting(scaled):
    names = {setting.name for setting in settings_page.declared()}
    sites = [service for service in scaled.values() if service["image"].startswith("cifarsite")]
    assert len(sites) == 4
    for service in sites:
        assert sorted(service["environment"].keys() - names) == []
        for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "STORAGE_URL", "AWS_ENDPOINT_URL", "SECRET_KEY"):
            assert service["environment"][name]


def test_scaled_site_speaks_to_its_own_servers(scaled):
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "AWS_ENDPOINT_URL"):
        address = re.sub(r"\$\{.*?\}", "secret", scaled["web"]["environment"][name])
        assert urlsplit(address).hostname in scaled
    assert scaled["web"]["environment"]["STORAGE_URL"].removeprefix("s3://") in " ".join(scaled["bucket"]["entrypoint"])


def test_only_the_proxy_of_the_scaled_site_is_reached_and_all_are_bounded(scaled):
    assert [name for name, service in scaled.items() if service.get("ports")] == ["proxy"]
    for service in scaled.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["mem_limit"]
        assert service["pids_limit"]
        assert service["read_only"] is True


def test_volumes_and_configurations_that_are_used_are_declared(scaled):
    whole = yaml.safe_load((BASE_DIR / "compose.scaled.yml").read_text())
    used = {mount.partition(":")[0] for service in scaled.values() for mount in service.get("volumes", [])}
    assert {name for name in used if not name.startswith(".")} <= whole["volumes"].keys()
    assert {one["source"] for service in scaled.values() for one in service.get("configs", [])} == whole[
        "configs"
    ].keys()
    accounts = yaml.safe_load(whole["configs"]["store"]["content"])["identities"]
    (account,) = accounts[0]["credentials"]
    assert account["accessKey"] == scaled["web"]["environment"]["AWS_ACCESS_KEY_ID"]
    assert account["secretKey"] == scaled["web"]["environment"]["AWS_SECRET_ACCESS_KEY"]
