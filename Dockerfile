# syntax=docker/dockerfile:1

# What is built stays here: pip, caches and compilers do not reach the image that runs.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
RUN python -m venv /venv
# `requirements` for the image of a training worker.
ARG REQUIREMENTS=requirements-serve
COPY ${REQUIREMENTS}.txt ./
RUN /venv/bin/pip install --requirement ${REQUIREMENTS}.txt
COPY . .
# No secret is needed to collect static files, and none of this build's key stays.
RUN DEBUG=false SECRET_KEY=only-for-collecting-static-files-in-the-build ALLOWED_HOSTS=localhost \
    /venv/bin/python manage.py collectstatic --no-input --verbosity 0

FROM python:3.11-slim-bookworm
# What `backup` and `restore` call: zstd for .tar.zst, PostgreSQL's clients for its dumps.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client zstd && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin site \
    && install -d -o site -g site /data /data/datasets /data/media /data/runs
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# A path, no secret: the key itself is made on first start, in the volume.
# hadolint ignore=DL3064
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DEBUG=false \
    HOST=0.0.0.0 \
    PORT=8080 \
    SECRET_KEY_FILE=/data/secret_key \
    DATABASE_URL=sqlite:////data/db.sqlite3 \
    MEDIA_ROOT=/data/media \
    RUNS_DIR=/data/runs \
    DATASETS_DIR=/data/datasets \
    MODEL_CACHE_DIR=/data/model_cache
USER 10001
# The database, the key and the uploads; with DATABASE_URL set elsewhere, the uploads.
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "cifarsite.healthcheck"]
# exec: Gunicorn becomes the process that is told to stop.
CMD ["sh", "-c", "python manage.py migrate --no-input && exec gunicorn --config python:cifarsite.gunicorn cifarsite.wsgi"]
