# qgate in a container: docker run --rm -v "$PWD:/src:ro" qgate scan
FROM python:3.12-slim AS build
COPY . /qgate
RUN python -m venv /opt/qgate && /opt/qgate/bin/pip install --no-cache-dir "/qgate[fast]"

FROM python:3.12-slim
# git says which files are the repository's, and holds the base of a pull request.
RUN apt-get update \
 && apt-get install -y --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/* \
 && git config --system --add safe.directory '*' \
 && useradd --create-home qgate
COPY --from=build /opt/qgate /opt/qgate
ENV PATH="/opt/qgate/bin:$PATH"
USER qgate
WORKDIR /src
ENTRYPOINT ["qgate"]
CMD ["scan"]
