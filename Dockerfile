# syntax=docker/dockerfile:1
# One image for everything of ours: the web server by default, workers, beat and commands by another command.
# Every package of requirements.txt comes as a wheel, so no stage needs a compiler; --only-binary says so if one stops to.

FROM python:3.13-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/evently
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip /opt/evently/bin/pip install --only-binary=:all: -r requirements.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/evently --create-home --shell /usr/sbin/nologin evently
COPY --from=packages /opt/evently /opt/evently
WORKDIR /srv/evently
COPY wsgi.py config.py ./
COPY migrations migrations
COPY evently evently
RUN /opt/evently/bin/python -m compileall -q .

ENV PATH=/opt/evently/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FLASK_APP=wsgi \
    EVENTLY_DATA_DIR=/var/lib/evently \
    GRANIAN_INTERFACE=wsgi \
    GRANIAN_HTTP=1 \
    GRANIAN_WEBSOCKETS=false \
    GRANIAN_HOST=0.0.0.0 \
    GRANIAN_PORT=8000 \
    GRANIAN_WORKERS=2 \
    GRANIAN_BLOCKING_THREADS=16 \
    GRANIAN_HTTP1_BUFFER_SIZE=32768 \
    GRANIAN_BACKLOG=4096 \
    GRANIAN_BACKPRESSURE=4096 \
    GRANIAN_LOG_LEVEL=error \
    GRANIAN_RESPAWN_FAILED_WORKERS=true \
    GRANIAN_WORKERS_KILL_TIMEOUT=25 \
    _RJEM_MALLOC_CONF=narenas:1,dirty_decay_ms:0,muzzy_decay_ms:0 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    MALLOC_TRIM_THRESHOLD_=1048576
# By number, so that whoever runs it can see that it is not root.
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "-m", "evently.launch.healthcheck", "web"]
CMD ["granian", "wsgi:app"]
