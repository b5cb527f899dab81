# Waypost in one image: the API, the worker and the command line are the same program with another word behind it.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# With root keys in a key service: docker compose build --build-arg LOCK=requirements-aws.lock (or -gcp, -vault).
ARG LOCK=requirements.lock
# The lock alone, so that a change of code does not install the packages again.
COPY ${LOCK} ./
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --only-binary :all: --require-hashes --requirement ${LOCK}
COPY api /app/api
COPY models /app/models
COPY migrations /app/migrations
COPY content /app/content
COPY docs /app/docs
COPY pyproject.toml LICENSE NOTICE /app/
# The file system is read-only when it runs, so bytecode is written now.
RUN /venv/bin/python -m compileall -q /venv/lib /app

FROM python:3.11-slim-bookworm
# The number is fixed: the owner of mounted keys is compared with it.
RUN groupadd --gid 10001 waypost \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin waypost \
 && install --directory --owner waypost --group waypost --mode 0700 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    WAYPOST_ENV=production \
    WAYPOST_HOST=0.0.0.0 \
    WAYPOST_PORT=8000 \
    WAYPOST_DATA_DIR=/data
WORKDIR /app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-I", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['WAYPOST_PORT'] + '/health/ready', timeout=4)"]
ENTRYPOINT ["python", "-m", "api"]
CMD ["serve"]
