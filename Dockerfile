# One image for everything: `serve` (the default) and `demo`.  Installs by the same steps as `make run`.
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make python3 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/citymail
COPY . .
RUN make .venv/.run && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/citymail --create-home citymail
USER citymail
VOLUME /var/lib/citymail
ENV PATH=/opt/citymail/.venv/bin:$PATH
# Inside a container ports need no privilege; give the host's ports with -p.
EXPOSE 25 80 143 389 443 465 587 636 993 10025 10080 10143 10389 10443 10465 10587 10636 10993
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["citymail", "health", "--config", "/var/lib/citymail/citymail.toml"]
ENTRYPOINT ["citymail"]
CMD ["serve", "--config", "/var/lib/citymail/citymail.toml"]
