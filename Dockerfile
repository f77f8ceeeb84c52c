# Two stages: the first installs into a virtual environment, the second takes only that.
# The service runs as user 65532, with a read-only root file system: it writes to /data (SQLite) and /tmp alone.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.txt requirements-dev.txt ./
# What builds the package is pinned with hashes as what runs is: no isolated build, which would take the newest of both.
RUN python3 -m venv --copies /opt/audit-webhook \
 && /opt/audit-webhook/bin/pip install --require-hashes -r requirements.txt \
 && sed -n '/^\(packaging\|setuptools\|wheel\)==/,/[^\\]$/p' requirements-dev.txt > build.txt \
 && python3 -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r build.txt
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY audit_webhook audit_webhook
COPY sql sql
COPY templates templates
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/audit-webhook/bin/pip install --no-deps --no-index dist/*.whl \
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
