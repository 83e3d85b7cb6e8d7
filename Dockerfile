# The daemon (the default), and the example shop: docker build --target shop .
# No container engine was at hand when this was written: it is linted, and its commands are run by the tests.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY src src
COPY dashboards/*.json dashboards/
RUN python -m venv /opt/saasobs && /opt/saasobs/bin/pip install '.[daemon]'

FROM build AS build-shop
RUN /opt/saasobs/bin/pip install --upgrade 'pip>=25.1' && /opt/saasobs/bin/pip install --group example uvicorn

FROM python:3.11-slim-bookworm AS shop
ENV PYTHONUNBUFFERED=1
COPY --from=build-shop /opt/saasobs /opt/saasobs
COPY examples /app/examples
RUN install -d -o 65534 -g 65534 /var/lib/shop
WORKDIR /app
USER 65534:65534
VOLUME /var/lib/shop
EXPOSE 8099
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["/opt/saasobs/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8099/health', timeout=4)"]
ENTRYPOINT ["/opt/saasobs/bin/python", "-m", "examples.shop"]
CMD ["serve", "--host", "0.0.0.0", "--database", "/var/lib/shop/shop.db"]

# The daemon reads /etc/saasobs and keeps its state in /var/lib/saasobs; SIGTERM stops it cleanly, SIGHUP reloads.
FROM python:3.11-slim-bookworm AS daemon
ENV PYTHONUNBUFFERED=1 SAASOBS_CONFIG=/etc/saasobs/saasobs.yaml
COPY --from=build /opt/saasobs /opt/saasobs
COPY config/containers/saasobs.yaml /etc/saasobs/saasobs.yaml
RUN ln -s /opt/saasobs/bin/saasobs /usr/local/bin/saasobs && install -d -o 65534 -g 65534 /var/lib/saasobs
WORKDIR /var/lib/saasobs
USER 65534:65534
VOLUME /var/lib/saasobs
EXPOSE 9111
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["/opt/saasobs/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9111/healthz', timeout=4)"]
ENTRYPOINT ["/opt/saasobs/bin/saasobs"]
CMD ["serve"]
