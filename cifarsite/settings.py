"""Settings, all from environment variables (or a `.env` file); README.md lists them.

A bad value stops the start with a message. With DEBUG off, so does a missing SECRET_KEY or ALLOWED_HOSTS. DEBUG is off
by default under a server, and on under `manage.py`, which says so by setting CIFARSITE_DEVELOPMENT.
"""

import logging
import os
from datetime import timedelta
from pathlib import Path
from zoneinfo import available_timezones

import bootstrap
from django.core.checks import register
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from environs import Env, EnvError, validate

from cifarsite.environment import check_limit, secret_key
from cifarsite.exposure import check_hosts
from cifarsite.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
env.read_env(BASE_DIR / ".env", recurse=False)

_positive = validate.Range(min=1)

try:
    DEBUG = env.bool("DEBUG", "CIFARSITE_DEVELOPMENT" in os.environ)
    #: Whether people reach the site by HTTPS: secure cookies, redirects and HSTS.
    HTTPS = env.bool("HTTPS", not DEBUG)
    #: How long a browser that has seen the site by HTTPS refuses plain HTTP.
    HSTS_SECONDS = env.int("HSTS_SECONDS", 60 * 60, validate=validate.Range(min=0))
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [])
    CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", [])
    BEHIND_PROXY = env.bool("BEHIND_PROXY", False)
    _secret_key = env.str("SECRET_KEY", "")
    _secret_key_file = env.path("SECRET_KEY_FILE", BASE_DIR / ".secret_key" if DEBUG else None)
    # A connection that the server has closed since is noticed before it is used again.
    _database = env.dj_db_url(
        "DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}", conn_max_age=60, conn_health_checks=True
    )
    #: Seconds that a write to SQLite waits for another one before it fails with the status 503.
    DATABASE_WAIT_SECONDS = env.float("DATABASE_WAIT_SECONDS", 20, validate=validate.Range(min=0))
    #: Whether an answer waits until what it tells of is on the disk, and would outlast a power failure.
    SYNC_TO_DISK = env.bool("SYNC_TO_DISK", True)
    MEDIA_ROOT = env.path("MEDIA_ROOT", BASE_DIR / "media")
    STATIC_ROOT = env.path("STATIC_ROOT", BASE_DIR / "staticfiles")
    #: Where trained models lie and new ones are written.
    MODELS_DIR = env.path("MODELS_DIR", BASE_DIR / "ml" / "trained")
    #: Checkpoints of training runs.
    RUNS_DIR = env.path("RUNS_DIR", BASE_DIR / "runs")
    #: How long uploads without an account are stored, and the session that they are reached by.
    ANONYMOUS_DAYS = env.int("ANONYMOUS_DAYS", 30, validate=_positive)
    MAX_UPLOAD_MEGABYTES = env.int("MAX_UPLOAD_MEGABYTES", 20, validate=_positive)
    MAX_IMAGE_MEGAPIXELS = env.int("MAX_IMAGE_MEGAPIXELS", 50, validate=_positive)
    #: Of a ZIP archive that is classified as a job.
    MAX_ARCHIVE_MEGABYTES = env.int("MAX_ARCHIVE_MEGABYTES", 2_000, validate=_positive)
    MAX_ARCHIVE_FILES = env.int("MAX_ARCHIVE_FILES", 20_000, validate=_positive)
    #: How many images one process classifies at the same time; 0 for one a processor.
    INTERPRETERS = env.int("INTERPRETERS", 0, validate=validate.Range(min=0))
    #: How many images one process decodes at the same time, each in a process of its own; 0 for one a processor.
    DECODERS = env.int("DECODERS", 0, validate=validate.Range(min=0))
    #: What decoding an image may take.
    DECODE_SECONDS = env.int("DECODE_SECONDS", 20, validate=_positive)
    DECODE_MEGABYTES = env.int("DECODE_MEGABYTES", 360, validate=validate.Range(min=50))
    #: How often a person and an address may do what costs something; a school class may share an address.
    THROTTLES = {
        name: env.str(f"THROTTLE_{name.upper()}", default, validate=check_limit)
        for name, default in {
            "classify_person": "600/minute",
            "classify_address": "1800/minute",
            "read_person": "300/minute",
            "read_address": "900/minute",
            "sign_in_address": "100/minute",
            "sign_up_address": "120/hour",
            "reset_address": "60/hour",
            "reset_mail_address": "5/hour",
            "api_person": "1200/minute",
            "api_address": "3600/minute",
            # Seconds of the site's processors.
            "work_person": "20/minute",
            "work_address": "40/minute",
        }.items()
    }
    #: Threads of each process; some never wait for a decoder or an interpreter. 0 means no limit.
    WEB_THREADS = env.int("WEB_THREADS", 0, validate=validate.Range(min=0))
    #: Where all processes count together; without it each counts for itself.
    REDIS_URL = env.str("REDIS_URL", "", validate=validate.Regexp(r"^$|^(rediss?|redis\+unix)://."))
    #: After so many failures to sign in with one name from one address, nobody does for a while; after so many with any
    #: names from it, each name has one failure there.
    AXES_FAILURE_LIMIT = env.int("LOCKOUT_FAILURES", 7, validate=_positive)
    LOCKOUT_ADDRESS_FAILURES = env.int("LOCKOUT_ADDRESS_FAILURES", 50, validate=_positive)
    AXES_COOLOFF_TIME = timedelta(minutes=env.int("LOCKOUT_MINUTES", 20, validate=_positive))
    #: Who may make an account: everybody, those with an invitation from staff, or nobody.
    SIGN_UP = env.str("SIGN_UP", "open", validate=validate.OneOf(("open", "invite", "closed")))
    #: The server that sends e-mail; without one the site sends none.
    EMAIL_HOST = env.str("EMAIL_HOST", "")
    EMAIL_PORT = env.int("EMAIL_PORT", 587, validate=validate.Range(min=1, max=65535))
    EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
    EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
    EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", EMAIL_PORT == 465)
    EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", not EMAIL_USE_SSL)
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "")
    #: The token that gives access to /metrics.
    METRICS_TOKEN = env.str("METRICS_TOKEN", "", validate=validate.Regexp(r"^$|^[!-~]{16,}$", error="16 or more signs"))
    HISTORY_PAGE_SIZE = env.int("HISTORY_PAGE_SIZE", 24, validate=_positive)
    LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")))
    LOG_FORMAT = env.str("LOG_FORMAT", "text" if DEBUG else "json", validate=validate.OneOf(("json", "text")))
    TIME_ZONE = env.str(
        "TIME_ZONE", "Europe/Kyiv", validate=validate.OneOf(available_timezones(), error="no such time zone")
    )
except EnvError as error:
    raise ImproperlyConfigured(f"{error} Correct the environment variable and start again.") from error

register(check_hosts)
SECRET_KEY = secret_key(_secret_key, _secret_key_file)
if not DEBUG and not ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS is not set. With DEBUG off, set it to the names the site is reached by, separated by commas: "
        "ALLOWED_HOSTS=example.org,www.example.org"
    )

if EMAIL_HOST and not DEFAULT_FROM_EMAIL:
    raise ImproperlyConfigured(
        "DEFAULT_FROM_EMAIL is not set. With EMAIL_HOST, set it to the sender: DEFAULT_FROM_EMAIL=site@example.org"
    )
if EMAIL_USE_SSL and EMAIL_USE_TLS:
    raise ImproperlyConfigured("EMAIL_USE_SSL and EMAIL_USE_TLS are both on. Turn one of them off.")
EMAIL_TIMEOUT = 20

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_htmx",
    "rest_framework",
    "knox",
    "axes",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "classifier",
]

MIDDLEWARE = [
    "classifier.web.observation.ObservationMiddleware",
    "classifier.web.headers.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "classifier.web.compression.CompressedPagesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    # Before the one that reads the whole body for its token.
    "classifier.web.throttled.ThrottleMiddleware",
    "classifier.web.bodies.BodyMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "classifier.web.unavailable.UnavailableMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "cifarsite.urls"
WSGI_APPLICATION = "cifarsite.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "classifier.web.context.site",
            ],
        },
    },
]
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
FORM_RENDERER = "classifier.forms.rendering.Renderer"

if _database["ENGINE"] == "django.db.backends.sqlite3":
    # Readers and a writer at once, waiting for each other instead of failing.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": DATABASE_WAIT_SECONDS,
        "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={'FULL' if SYNC_TO_DISK else 'NORMAL'};",
    }
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    # Refuses a client after too many failures, before the password is checked.
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_HANDLER = "classifier.services.people.lockout.LockoutHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
AXES_LOCKOUT_CALLABLE = "classifier.web.throttled.locked_out"
AXES_CLIENT_IP_CALLABLE = "classifier.web.clients.address_of"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# What is kept of people is what the lock-out needs, until it is over.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "next"]
# A session's wrong guesses come in these forms.
AXES_SENSITIVE_PARAMETERS += ["old_password", "new_password1", "new_password2"]
# A link to choose a new password works for so long.
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("uk", _("Ukrainian"))]
FORMAT_MODULE_PATH = "cifarsite.formats"
# The second has what Django says wrongly; messages are collected into the first.
LOCALE_PATHS = [BASE_DIR / "classifier" / "locale", BASE_DIR / "classifier" / "locale_django"]
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
# Other sites have no use for this one's scripts and style sheets.
WHITENOISE_ALLOW_ALL_ORIGINS = False
STATICFILES_DIRS = [("bootstrap", next(iter(bootstrap.__path__)))]
STORAGES = {
    "default": {
        "BACKEND": "classifier.durable_storage.DurableStorage"
        if SYNC_TO_DISK
        else "django.core.files.storage.FileSystemStorage"
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# The API.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "classifier.api.authentication.BearerAuthentication",
        "classifier.api.authentication.PagesSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "classifier.api.authentication.TokenMayWrite",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["classifier.api.throttling.ApiThrottle"],
    "DEFAULT_PARSER_CLASSES": ["classifier.api.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # What there is stands in the schema: OPTIONS says no more than any other method that an address has not.
    "DEFAULT_METADATA_CLASS": None,
    # It would be in every address of an answer too. The description reads it for itself.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "classifier.api.problems.handle",
}
KNOX_TOKEN_MODEL = "classifier.ApiToken"  # noqa: S105
# They make a table that nothing is written to, as the tokens have that of the site.
MIGRATION_MODULES = {"knox": None}
# The prefix lets programs that look for leaked secrets know one.
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_PREFIX": "cifar_", "TOKEN_TTL": timedelta(days=90)}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": _("CIFAR-10 classifier"),
    "DESCRIPTION": _("Classify photos, and read, correct and delete the results."),
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "classifier.api.schema.describe_bodies",
    ],
    "SERVE_AUTHENTICATION": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    # Without links in its buttons, and without a list of all schemas below the operations that already show them.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False, "defaultModelsExpandDepth": -1},
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

# A larger upload goes to a temporary file instead of memory; the limit itself is the form's.
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o640
# A list of the admin has 2,000 rows at most, and each that is selected is a field.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_500

SESSION_ENGINE = "classifier.web.sessions"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 365
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
# No script of the site's reads any of them.
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = HSTS_SECONDS if HTTPS else 0
# Subdomains and browsers' preload lists concern sites that are not this one: the owner of the domain decides there.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# The container's health check and Prometheus ask from inside, without the proxy that speaks HTTPS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LOGGING = logging_settings(log_format=LOG_FORMAT, level=LOG_LEVEL)
# What Python warns of is written as everything else.
logging.captureWarnings(True)
