# The image holds the server alone: it needs a PostgreSQL that DATABASE_URL names, because no PostgreSQL programs are in
# it. It runs as a numeric user without a shell, and on a read-only root file system: only /var/lib/vestibule is written.

FROM rust:1.95-bookworm AS build
WORKDIR /build

# The dependencies in a layer of their own: they are built again only when the manifest changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --bin vestibule \
    && rm -r src

# COPY keeps the files' own times, which may be older than the stand-ins built above; touch makes cargo see the change.
COPY src src
COPY migrations migrations
RUN touch src/main.rs src/lib.rs \
    && cargo build --release --locked --bin vestibule \
    && mkdir /data

# glibc and certificate authorities, and nothing else that matters here: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot

LABEL org.opencontainers.image.title="Vestibule" \
      org.opencontainers.image.description="A self-hostable server that speaks the WorkOS API" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /build/target/release/vestibule /usr/local/bin/vestibule
COPY --from=build --chown=65532:65532 /data /var/lib/vestibule

ENV VESTIBULE_LISTEN=0.0.0.0:4100 \
    VESTIBULE_DATA_DIR=/var/lib/vestibule

USER 65532:65532
VOLUME ["/var/lib/vestibule"]
EXPOSE 4100
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/vestibule", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/vestibule"]
CMD ["serve"]
