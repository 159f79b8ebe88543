# The example application and its tools, each as a separate target:
#
#   app     the application under gunicorn; the default
#   tools   the command line, to create, load, verify and migrate the table
#   engine  a local engine to test them with; see compose.yaml
#
# docs/deployment.md explains how to build and run them. No step needs a particular frontend, so
# there is no `# syntax` line, which would be one more image to fetch.

# pip's cache is a mount, and so not in a layer; the linter only accepts a mount at pip's default path.
# hadolint global ignore=DL3042

ARG PYTHON_VERSION=3.13
# Another registry, or a digest: --build-arg BASE=registry.example.com/python@sha256:...
ARG BASE=docker.io/library/python:${PYTHON_VERSION}-slim


# --- Installing: packages come from the index in a secret, which is not in any layer, or from the
# --- wheels in deploy/wheelhouse, if there are any. deploy/requirements lists the packages.

FROM ${BASE} AS install
ENV PIP_CACHE_DIR=/var/cache/pip \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_FIND_LINKS=/wheelhouse \
    PIP_NO_COMPILE=1 \
    PIP_PYTHON=/opt/venv/bin/python \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY deploy/requirements/build.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=cache,target=/var/cache/pip \
    --mount=type=bind,source=deploy/wheelhouse,target=/wheelhouse \
    python -m venv --without-pip /opt/build \
    && PIP_PYTHON=/opt/build/bin/python python -m pip install --require-hashes -r build.txt \
    && python -m venv --without-pip /opt/venv

FROM install AS wheel
COPY pyproject.toml README.md LICENSE ./
COPY catalog_model catalog_model
# Set by deploy/build_image.sh, because the context of the image has no .git.
ARG VERSION=0.0.0
RUN SETUPTOOLS_SCM_PRETEND_VERSION="${VERSION}" /opt/build/bin/python -m hatchling build \
        --target wheel --directory /dist


# --- Environments: dependencies first, so that a change of this project does not rebuild that layer.
# --- Bytecode is compiled here: it cannot be written later, and is valid whatever the time stamps.

FROM install AS app-venv
COPY deploy/requirements/app.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=cache,target=/var/cache/pip \
    --mount=type=bind,source=deploy/wheelhouse,target=/wheelhouse \
    python -m pip install --require-hashes -r app.txt
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    python -m pip install --no-cache-dir --no-index --no-deps /dist/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM install AS tools-venv
COPY deploy/requirements/tools.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=cache,target=/var/cache/pip \
    --mount=type=bind,source=deploy/wheelhouse,target=/wheelhouse \
    python -m pip install --require-hashes -r tools.txt
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    python -m pip install --no-cache-dir --no-index --no-deps /dist/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM install AS engine-venv
COPY deploy/requirements/engine.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=cache,target=/var/cache/pip \
    --mount=type=bind,source=deploy/wheelhouse,target=/wheelhouse \
    python -m pip install --require-hashes -r engine.txt
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    python -m pip install --no-cache-dir --no-index --no-deps /dist/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib


# --- The image: the base, an environment, and files owned by root. It runs as a user without a name
# --- or home directory. Nothing is written to the disk: the metrics of gunicorn's workers go to
# --- memory (/dev/shm, see gunicorn_conf.py); a tmpfs at /tmp is for temporary files of libraries.

FROM ${BASE} AS final
# Official images lack the bytecode of Python's standard library: each start, and each health check,
# would compile the modules it imports. Modules that are never imported here are omitted.
RUN python -m compileall -q -x '/(site-packages|dist-packages|test|tests|idlelib|tkinter|turtledemo|ensurepip|pydoc_data)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
ENV PATH=/opt/venv/bin:${PATH} \
    HOME=/nonexistent \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.licenses="MIT"

FROM final AS engine
COPY --from=engine-venv /opt/venv /opt/venv
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8000), 3)"]
ENTRYPOINT ["catalog-model"]
CMD ["serve", "--engine", "moto", "--port", "8000", "--empty", "--expose"]
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="catalog-model-engine" \
    org.opencontainers.image.description="A local engine for catalog-model: to try, not to keep" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

FROM final AS tools
COPY --from=tools-venv /opt/venv /opt/venv
# The sample data; mount a folder with your own data_movies.json and data_tv.json over it.
COPY --chmod=0644 catalog_model/files/sample/data_movies.json catalog_model/files/sample/data_tv.json /data/
ENTRYPOINT ["catalog-model"]
CMD ["--help"]
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="catalog-model-tools" \
    org.opencontainers.image.description="The command line of catalog-model" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

FROM final AS app
COPY --from=app-venv /opt/venv /opt/venv
COPY --chmod=0644 examples/netflix_movie_catalog/app.py \
    examples/netflix_movie_catalog/gunicorn_conf.py ./
EXPOSE 8080
# Checks the process, not the table: a new container would not help while DynamoDB is unavailable.
# /readyz is for load balancers.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import sys, urllib.request as u; sys.exit(u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8080/status', timeout=4).status != 200)"]
# Without a shell: gunicorn is process 1 and receives SIGTERM.
ENTRYPOINT ["gunicorn", "--config", "gunicorn_conf.py", "app:create_app()"]
CMD ["--bind", "0.0.0.0:8080"]
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="catalog-model" \
    org.opencontainers.image.description="NetflixMovieCatalog on one DynamoDB table" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
