# Two images: `service` watches trainings and has no framework; `reproducer` is the same service with TensorFlow, so that
# it can train what it is asked to reproduce.
#
#   docker build --target service -t paramedic:service .
#   docker build --target reproducer -t paramedic:reproducer .
#   docker build --target reproducer --build-arg REPRODUCER_BASE=CUDA_IMAGE_WITH_PYTHON -t paramedic:reproducer-gpu .
#
# Packages come from where the secret `pip` says (a pip.conf), or from pip's default; versions are those of
# .ci/constraints.txt. What is in an image, as CycloneDX: `docker run --rm IMAGE cat /opt/paramedic/sbom.json`.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
ARG REPRODUCER_BASE=${BASE}

FROM ${BASE} AS build-service
WORKDIR /source
RUN python3 -m venv /opt/paramedic
COPY pyproject.toml README.md LICENSE .ci/constraints.txt ./
COPY client client
COPY service service
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/paramedic/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[service]' \
    && /opt/paramedic/bin/pip uninstall --yes setuptools pip
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv /opt/sbom \
    && /opt/sbom/bin/pip install --no-cache-dir --disable-pip-version-check cyclonedx-bom==7.5.0 \
    && /opt/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
        --output-file /opt/paramedic/sbom.json /opt/paramedic/bin/python

FROM ${REPRODUCER_BASE} AS build-reproducer
WORKDIR /source
RUN python3 -m venv /opt/paramedic
COPY pyproject.toml README.md LICENSE .ci/constraints.txt ./
COPY client client
COPY service service
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/paramedic/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt \
        '.[service,reproduction,tensorflow1]' \
    && /opt/paramedic/bin/pip uninstall --yes setuptools pip
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv /opt/sbom \
    && /opt/sbom/bin/pip install --no-cache-dir --disable-pip-version-check cyclonedx-bom==7.5.0 \
    && /opt/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
        --output-file /opt/paramedic/sbom.json /opt/paramedic/bin/python

FROM ${BASE} AS service
LABEL org.opencontainers.image.title="Paramedic" \
      org.opencontainers.image.description="First responder for training runs" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-service /opt/paramedic /opt/paramedic
RUN groupadd --gid 10001 paramedic \
    && useradd --uid 10001 --gid paramedic --no-create-home --home-dir /var/lib/paramedic --shell /usr/sbin/nologin paramedic \
    && install --directory --owner=paramedic --group=paramedic --mode=0750 /var/lib/paramedic
# The volume is the only place that is written to: runs, and what reproductions leave while they run.
ENV PATH=/opt/paramedic/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/var/lib/paramedic \
    PARAMEDIC_STORE_URL=sqlite:////var/lib/paramedic/paramedic.db \
    PARAMEDIC_GRPC_HOST=0.0.0.0 \
    PARAMEDIC_HTTP_HOST=0.0.0.0
USER 10001:10001
WORKDIR /var/lib/paramedic
VOLUME /var/lib/paramedic
EXPOSE 50051 9850
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "-c", "import os; from urllib.request import urlopen as get; \
        get('http://127.0.0.1:' + os.getenv('PARAMEDIC_HTTP_PORT', '9850') + '/readyz', timeout=4)"]
CMD ["paramedic", "serve"]

FROM ${REPRODUCER_BASE} AS reproducer
LABEL org.opencontainers.image.title="Paramedic with TensorFlow" \
      org.opencontainers.image.description="First responder for training runs, with reproductions" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-reproducer /opt/paramedic /opt/paramedic
RUN groupadd --gid 10001 paramedic \
    && useradd --uid 10001 --gid paramedic --no-create-home --home-dir /var/lib/paramedic --shell /usr/sbin/nologin paramedic \
    && install --directory --owner=paramedic --group=paramedic --mode=0750 /var/lib/paramedic
ENV PATH=/opt/paramedic/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/var/lib/paramedic \
    TF_CPP_MIN_LOG_LEVEL=2 \
    PARAMEDIC_STORE_URL=sqlite:////var/lib/paramedic/paramedic.db \
    PARAMEDIC_GRPC_HOST=0.0.0.0 \
    PARAMEDIC_HTTP_HOST=0.0.0.0
USER 10001:10001
WORKDIR /var/lib/paramedic
VOLUME /var/lib/paramedic
EXPOSE 50051 9850
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "-c", "import os; from urllib.request import urlopen as get; \
        get('http://127.0.0.1:' + os.getenv('PARAMEDIC_HTTP_PORT', '9850') + '/readyz', timeout=4)"]
CMD ["paramedic", "serve"]
