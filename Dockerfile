# The command line, with everything that a drill needs; the servers that it starts are fetched on the first run.
#
#   docker build -t oncewhere --build-arg USER_ID="$(id -u)" .
#   docker run --rm -v "$PWD:/work" -v oncewhere-cache:/cache oncewhere drill .
#
# USER_ID is whom it runs as: a drill writes .oncewhere into your folder, which on Linux only you may. Where Docker or
# Podman is rootless, you are root in the container: --build-arg USER_ID=0. Docker Desktop needs none.
#
# A drill starts the processor inside this container: take it as the base of an image that has your runtime as well.
FROM python:3.12-slim AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY examples/payments examples/payments
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
ARG USER_ID=10001
RUN groupadd --gid 10001 drill && useradd --non-unique --uid "$USER_ID" --gid 10001 --create-home drill \
    && mkdir /work /cache && chown drill:drill /work /cache
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir "$(ls /wheels/*.whl)[all]"
ENV ONCEWHERE_CACHE=/cache PYTHONUNBUFFERED=1
WORKDIR /work
USER ${USER_ID}:10001
ENTRYPOINT ["oncewhere"]
CMD ["--help"]
