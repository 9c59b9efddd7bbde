"""Settings, all from environment variables (or a `.env` file); docs/settings.md is generated from them.

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
from environs import EnvError, validate

from cifarsite import __version__
from cifarsite.environment import DocumentedEnv, check_bucket, check_limit, file_storage, secret_key
from cifarsite.exposure import check_hosts
from cifarsite.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent

env = DocumentedEnv(BASE_DIR)
env.read(BASE_DIR / ".env")

_positive = validate.Range(min=1)


def _limit(name: str, default: str, text: str) -> str:
    return env.str(name, default, validate=check_limit, help=text)


try:
    env.section("The site")
    SITE_NAME = env.str(
        "SITE_NAME",
        "",
        shown="“Photo classifier”, in Ukrainian “Розпізнавання фото”",
        help="The name of the site, in the header, the titles of pages, e-mails, the admin and the API's description.",
    ) or _("Photo classifier")
    DEBUG = env.bool(
        "DEBUG",
        "CIFARSITE_DEVELOPMENT" in os.environ,
        shown="on under `manage.py`, off under a server",
        help="Django's debug mode. Turn it off wherever other people reach the site.",
    )
    ALLOWED_HOSTS = env.list(
        "ALLOWED_HOSTS", [], help="The host names of the site, separated by commas. Required with `DEBUG` off."
    )
    HTTPS = env.bool(
        "HTTPS",
        not DEBUG,
        shown="the opposite of `DEBUG`",
        help="Whether people reach the site by HTTPS: secure cookies, a redirect to HTTPS, and HSTS.",
    )
    HSTS_SECONDS = env.int(
        "HSTS_SECONDS",
        60 * 60,
        validate=validate.Range(min=0),
        help="How long browsers refuse plain HTTP for this host. Only with `HTTPS`.",
    )
    BEHIND_PROXY = env.bool(
        "BEHIND_PROXY",
        False,
        help="Trust `X-Forwarded-Proto`, the last entry of `X-Forwarded-For`, and `X-Request-ID`. Only behind a proxy "
        "that always sets them.",
    )
    CSRF_TRUSTED_ORIGINS = env.list(
        "CSRF_TRUSTED_ORIGINS",
        [],
        help="Origins such as `https://cifar.example.org`, behind a proxy that changes the host.",
    )
    _secret_key = env.str(
        "SECRET_KEY", "", help="50 or more random characters. With `DEBUG` off, this or `SECRET_KEY_FILE` is required."
    )
    _secret_key_file = env.path(
        "SECRET_KEY_FILE",
        BASE_DIR / ".secret_key" if DEBUG else None,
        shown="`.secret_key` with `DEBUG` on",
        help="A file for a generated key, which is created on the first start.",
    )
    TIME_ZONE = env.str(
        "TIME_ZONE",
        "Europe/Kyiv",
        validate=validate.OneOf(available_timezones(), error="no such time zone"),
        help="The time zone of the times shown.",
    )
    HISTORY_PAGE_SIZE = env.int("HISTORY_PAGE_SIZE", 24, validate=_positive, help="Predictions per page.")

    env.section("Storage")
    # A connection that the server has closed since is noticed before it is used again.
    _database = env.dj_db_url(
        "DATABASE_URL",
        f"sqlite:///{BASE_DIR / 'db.sqlite3'}",
        conn_max_age=60,
        conn_health_checks=True,
        shown="`sqlite:///db.sqlite3`",
        help="The database, for example `postgres://user:password@host/name`.",
    )
    DATABASE_WAIT_SECONDS = env.float(
        "DATABASE_WAIT_SECONDS",
        20,
        validate=validate.Range(min=0),
        help="How long a write on SQLite waits for another write before it fails with the status 503.",
    )
    SYNC_TO_DISK = env.bool(
        "SYNC_TO_DISK", True, help="Respond only when stored data would survive a power failure (`fsync`)."
    )
    MEDIA_ROOT = env.path(
        "MEDIA_ROOT", BASE_DIR / "media", help="The folder of uploads, thumbnails and working copies."
    )
    STORAGE_URL = env.str(
        "STORAGE_URL",
        "",
        validate=check_bucket,
        help="Store uploads, thumbnails and the files of jobs in a bucket instead of `MEDIA_ROOT`: `s3://bucket`, or "
        "`s3://bucket/prefix`. The bucket must exist, and should be private.",
    )
    AWS_ENDPOINT_URL = env.str(
        "AWS_ENDPOINT_URL",
        "",
        validate=validate.Regexp(r"^$|^https?://[^/]+/?$"),
        help="The address of an S3-compatible server, for example `https://s3.example.org`. Not needed for AWS.",
    )
    AWS_DEFAULT_REGION = env.str("AWS_DEFAULT_REGION", "us-east-1", help="The region of the bucket.")
    AWS_ACCESS_KEY_ID = env.str(
        "AWS_ACCESS_KEY_ID", "", help="The access key of the bucket. Without one, that of the machine's role on AWS."
    )
    AWS_SECRET_ACCESS_KEY = env.str("AWS_SECRET_ACCESS_KEY", "", help="The secret key of the bucket.")
    STATIC_ROOT = env.path("STATIC_ROOT", BASE_DIR / "staticfiles", help="The folder that `collectstatic` writes to.")
    MODELS_DIR = env.path("MODELS_DIR", BASE_DIR / "ml" / "trained", help="The folder of the trained models.")
    MODEL_CACHE_DIR = env.path(
        "MODEL_CACHE_DIR",
        BASE_DIR / "model_cache",
        help="With `STORAGE_URL`, the folder on each machine for the models that it reads from the bucket.",
    )
    MODEL_CACHE_GB = env.float(
        "MODEL_CACHE_GB",
        5,
        validate=validate.Range(min=0, min_inclusive=False),
        help="The size of that folder. The models that were not used for the longest time are deleted from it.",
    )
    DATASETS_DIR = env.path(
        "DATASETS_DIR",
        BASE_DIR / "datasets",
        help="A folder with data sets, each a folder of images, from which staff choose when they start a training.",
    )
    TRAINING_GRACE_SECONDS = env.int(
        "TRAINING_GRACE_SECONDS",
        600,
        validate=validate.Range(min=0),
        help="How long a cancelled training may take to end its epoch before it is killed.",
    )
    RUNS_DIR = env.path("RUNS_DIR", BASE_DIR / "runs", help="The folder of the checkpoints of training runs.")
    SERVE_UPLOADS = env.str(
        "SERVE_UPLOADS",
        "stream",
        validate=validate.OneOf(("stream", "accel")),
        help="How people get their images, once the site has checked that they may: from the site (`stream`), or from "
        "nginx, which gets them from `MEDIA_ROOT` or the bucket (`accel`). The latter needs `BEHIND_PROXY`.",
    )
    ANONYMOUS_DAYS = env.int(
        "ANONYMOUS_DAYS",
        30,
        validate=_positive,
        help="How many days uploads without an account are stored, and how long the session lasts that reaches them.",
    )
    PURGE_EVERY_SECONDS = env.float(
        "PURGE_EVERY_SECONDS",
        60,
        validate=validate.Range(min=0, min_inclusive=False),
        help="How often the running site deletes expired uploads and sessions in the background.",
    )
    SWEEP_AT_START = env.bool(
        "SWEEP_AT_START", True, help="Run `manage.py sweep` in the background once after each start."
    )
    SWEEP_AFTER_MINUTES = env.float(
        "SWEEP_AFTER_MINUTES",
        5,
        validate=validate.Range(min=0),
        help="How many minutes after the start the sweep runs, and how old a file must be to be removed.",
    )

    env.section("Images and models")
    MAX_UPLOAD_MEGABYTES = env.int(
        "MAX_UPLOAD_MEGABYTES", 20, validate=_positive, help="Larger files are refused. A megabyte is 1,000,000 bytes."
    )
    MAX_IMAGE_MEGAPIXELS = env.int("MAX_IMAGE_MEGAPIXELS", 50, validate=_positive, help="Larger images are refused.")
    MAX_ARCHIVE_MEGABYTES = env.int(
        "MAX_ARCHIVE_MEGABYTES", 2_000, validate=_positive, help="Larger ZIP archives are refused."
    )
    JOB_MEGABYTES_PER_PERSON = env.int(
        "JOB_MEGABYTES_PER_PERSON",
        5_000,
        validate=_positive,
        help="How much one account or anonymous visitor may store as archives of jobs and as exports.",
    )
    JOB_MEGABYTES = env.int(
        "JOB_MEGABYTES",
        50_000,
        validate=_positive,
        help="How much everybody together may store as archives of jobs and as exports.",
    )
    JOB_FILES_HOURS = env.int(
        "JOB_FILES_HOURS",
        24,
        validate=_positive,
        help="How many hours after its end a job's archive, which it needs to be resumed or retried, and its export "
        "are kept. The archive of a job without failures is deleted at once.",
    )
    MAX_ARCHIVE_FILES = env.int(
        "MAX_ARCHIVE_FILES", 20_000, validate=_positive, help="ZIP archives with more files are refused."
    )
    MAX_CLASSIFIERS = env.int(
        "MAX_CLASSIFIERS", 20, validate=_positive, help="Classifiers of their own classes that a person may have."
    )
    MAX_CLASSIFIER_IMAGES = env.int(
        "MAX_CLASSIFIER_IMAGES", 2_000, validate=_positive, help="Images that such a classifier may have."
    )
    MAX_CLASSIFIER_MEGABYTES = env.int(
        "MAX_CLASSIFIER_MEGABYTES",
        2_000,
        validate=_positive,
        help="The size of the images of all classifiers of a person.",
    )
    INTERPRETERS = env.int(
        "INTERPRETERS",
        0,
        validate=validate.Range(min=0),
        shown="one per core, shared among the processes",
        help="How many images a process classifies at the same time. Each needs twice the memory of the model's "
        "weights.",
    )
    DECODERS = env.int(
        "DECODERS",
        0,
        validate=validate.Range(min=0),
        shown="the value of `INTERPRETERS`",
        help="How many images a process decodes at the same time, each in a child process.",
    )
    DECODE_SECONDS = env.int(
        "DECODE_SECONDS", 20, validate=_positive, help="An image that takes longer to decode is refused."
    )
    DECODE_MEGABYTES = env.int(
        "DECODE_MEGABYTES",
        360,
        validate=validate.Range(min=50),
        help="An image that takes more memory to decode is refused.",
    )

    env.section("Rate limits")
    # A school class may share an address.
    THROTTLES = {
        "classify_person": _limit(
            "THROTTLE_CLASSIFY_PERSON",
            "600/minute",
            "Images that a person classifies, on pages and by the API together. Each image of a batch counts.",
        ),
        "classify_address": _limit("THROTTLE_CLASSIFY_ADDRESS", "1800/minute", "The same for an IP address."),
        "read_person": _limit("THROTTLE_READ_PERSON", "300/minute", "Explanations, their images, and exports."),
        "read_address": _limit("THROTTLE_READ_ADDRESS", "900/minute", "The same for an IP address."),
        "work_person": _limit(
            "THROTTLE_WORK_PERSON",
            "20/minute",
            "Seconds of processor time that the decoders and the web processes spend on images and explanations.",
        ),
        "work_address": _limit("THROTTLE_WORK_ADDRESS", "40/minute", "The same for an IP address."),
        "api_person": _limit(
            "THROTTLE_API_PERSON", "1200/minute", "Requests to the API, including those that are refused."
        ),
        "api_address": _limit("THROTTLE_API_ADDRESS", "3600/minute", "The same for an IP address."),
        "sign_in_address": _limit(
            "THROTTLE_SIGN_IN_ADDRESS",
            "100/minute",
            "Attempts to sign in from an IP address, and forms that ask for the password again.",
        ),
        "sign_up_address": _limit("THROTTLE_SIGN_UP_ADDRESS", "120/hour", "Attempts to sign up from an IP address."),
        "pupil_address": _limit(
            "THROTTLE_PUPIL_ADDRESS",
            "6000/hour",
            "Requests to join a group or to sign in to one from an IP address, which may be a whole school's.",
        ),
        "reset_address": _limit(
            "THROTTLE_RESET_ADDRESS",
            "60/hour",
            "Requests for a password reset link from an IP address, and passwords set with one.",
        ),
        "reset_mail_address": _limit(
            "THROTTLE_RESET_MAIL_ADDRESS",
            "5/hour",
            "Reset links sent to one e-mail address. The page looks the same when the limit is reached.",
        ),
    }
    REDIS_URL = env.str(
        "REDIS_URL",
        "",
        validate=validate.Regexp(r"^$|^(rediss?|redis\+unix)://."),
        help="Where all processes count rate limits together, for example `redis://host:6379/0`. Without it each "
        "process counts separately.",
    )

    env.section("Jobs")
    CELERY_BROKER_URL = env.str(
        "CELERY_BROKER_URL",
        "",
        validate=validate.Regexp(r"^$|^(rediss?|redis\+socket|amqps?)://."),
        help="The broker of Celery's workers, Redis or RabbitMQ: `redis://host:6379/1` or "
        "`amqp://user:password@host/`. Without it, `manage.py worker` beside the server runs all jobs.",
    )
    JOB_LEASE_SECONDS = env.float(
        "JOB_LEASE_SECONDS",
        120,
        validate=validate.Range(min=2),
        help="After this long without a sign of life from its worker, a part of a job goes to another one. Parts whose "
        "message was lost are announced again after half as long.",
    )

    env.section("Accounts and e-mail")
    SIGN_UP = env.str(
        "SIGN_UP",
        "open",
        validate=validate.OneOf(("open", "invite", "closed")),
        help="Who may create an account: everybody (`open`), people with an invitation from staff (`invite`), or "
        "nobody (`closed`).",
    )
    AXES_FAILURE_LIMIT = env.int(
        "LOCKOUT_FAILURES",
        7,
        validate=_positive,
        help="After this many failures to sign in to an account from one IP address, the account is locked there.",
    )
    LOCKOUT_ADDRESS_FAILURES = env.int(
        "LOCKOUT_ADDRESS_FAILURES",
        50,
        validate=_positive,
        help="After this many failures from one IP address, with any account, one failure locks an account there.",
    )
    LOCKOUT_GROUP_FAILURES = env.int(
        "LOCKOUT_GROUP_FAILURES",
        100,
        validate=_positive,
        help="After this many wrong PINs in a group of pupils, a single one locks a pupil. Otherwise "
        "`LOCKOUT_FAILURES` do. No address is locked.",
    )
    AXES_COOLOFF_TIME = timedelta(
        minutes=env.int("LOCKOUT_MINUTES", 20, validate=_positive, help="How many minutes a lock-out lasts.")
    )
    GROUP_MOST_PUPILS = env.int("GROUP_MOST_PUPILS", 100, validate=_positive, help="Pupils in a teacher's group.")
    EMAIL_HOST = env.str(
        "EMAIL_HOST",
        "",
        help="The mail server that sends password reset links. Without one, an administrator creates the links.",
    )
    EMAIL_PORT = env.int("EMAIL_PORT", 587, validate=validate.Range(min=1, max=65535), help="The port of that server.")
    EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "", help="The user name at that server.")
    EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "", help="The password at that server.")
    EMAIL_USE_SSL = env.bool(
        "EMAIL_USE_SSL", EMAIL_PORT == 465, shown="on with port 465", help="Encrypt the connection with TLS at once."
    )
    EMAIL_USE_TLS = env.bool(
        "EMAIL_USE_TLS",
        not EMAIL_USE_SSL,
        shown="the opposite of `EMAIL_USE_SSL`",
        help="Encrypt the connection with STARTTLS.",
    )
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "", help="The sender of e-mail. Required with `EMAIL_HOST`.")

    env.section("Logs and metrics")
    LOG_LEVEL = env.str(
        "LOG_LEVEL",
        "INFO",
        validate=validate.OneOf(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
        help="The lowest level that is logged: `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`.",
    )
    LOG_FORMAT = env.str(
        "LOG_FORMAT",
        "text" if DEBUG else "json",
        validate=validate.OneOf(("json", "text")),
        shown="`json`, with `DEBUG` on `text`",
        help="One JSON object per line, or plain text.",
    )
    METRICS_TOKEN = env.str(
        "METRICS_TOKEN",
        "",
        validate=validate.Regexp(r"^$|^[!-~]{16,}$", error="16 or more signs"),
        help="The bearer token that reads `/metrics`: 16 or more characters. Without it nobody reads `/metrics`.",
    )

    env.section("Server")
    # As in cifarsite.server_settings. Some threads never wait for a decoder or an interpreter. 0 means no limit.
    WEB_THREADS = env.int("WEB_THREADS", 0, validate=validate.Range(min=0), help="Gunicorn's threads in each process.")
except EnvError as error:
    raise ImproperlyConfigured(f"{error} Correct the environment variable and start again.") from error

#: The Celery application that announces parts of jobs.
JOB_BROKER_APP = "cifarsite.celery.app" if CELERY_BROKER_URL else ""

register(check_hosts)
#: Shown at the bottom of every page.
VERSION = __version__
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
if SERVE_UPLOADS == "accel" and not BEHIND_PROXY:
    raise ImproperlyConfigured(
        "SERVE_UPLOADS=accel needs nginx in front of the site. Configure it as deploy/nginx.conf does, and set "
        "BEHIND_PROXY=true."
    )
if EMAIL_USE_SSL and EMAIL_USE_TLS:
    raise ImproperlyConfigured("EMAIL_USE_SSL and EMAIL_USE_TLS are both on. Turn one of them off.")
if bool(AWS_ACCESS_KEY_ID) != bool(AWS_SECRET_ACCESS_KEY):
    raise ImproperlyConfigured("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together. Set both, or neither.")
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
    # Pupils, with limits of its own.
    "classifier.services.groups.sign_in.PinBackend",
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
# Only the data that the lock-out needs is kept, until it is over.
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
    "default": file_storage(STORAGE_URL, endpoint=AWS_ENDPOINT_URL, region=AWS_DEFAULT_REGION, durable=SYNC_TO_DISK),
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
    # The schema describes the API, so OPTIONS is refused like any other method that is not allowed.
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
    "TITLE": SITE_NAME,
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
    # Jobs have a “keep” too, with fewer choices.
    "ENUM_NAME_OVERRIDES": {
        "JobStateEnum": "classifier.models.job.Job.State",
        "KeepEnum": "classifier.api.serializers.KEEP_CHOICES",
    },
}

# A larger upload goes to a temporary file instead of memory; the limit itself is the form's.
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o640
# Of a selection; classifier/web/selections.py allows fewer everywhere else.
DATA_UPLOAD_MAX_NUMBER_FILES = MAX_ARCHIVE_FILES + 100
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
# Python's warnings are logged too.
logging.captureWarnings(True)
