# Two stages: the first installs into a virtual environment, the second takes only that.
# The service runs as user 65532, with a read-only root file system: it writes to /data (SQLite) and /tmp alone.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY requirements.txt ./
RUN python3 -m venv --copies /opt/audit-webhook \
 && /opt/audit-webhook/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY audit_webhook audit_webhook
COPY sql sql
COPY templates templates
RUN /opt/audit-webhook/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
 && /opt/audit-webhook/bin/pip uninstall --yes --quiet setuptools pip

FROM ${BASE_IMAGE}
COPY --from=build /opt/audit-webhook /opt/audit-webhook
RUN mkdir /data && chown 65532:65532 /data
ENV PATH=/opt/audit-webhook/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DB_PATH=/data/audit.db
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --start-period=30s CMD ["python3", "-c", "import os, urllib.request; \
urllib.request.urlopen(f'http://127.0.0.1:{os.environ.get(\"HTTP_PORT\") or 8080}/healthz', timeout=3)"]
CMD ["audit-webhook", "serve"]
