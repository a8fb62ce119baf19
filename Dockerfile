# The worker's image: built with the Rust of Debian 12's C library, run on a distroless image of the same.
#
#   docker build -t chandlery:0.1.0 .
#   docker run --read-only --user 65532 --volume ./chandlery.toml:/etc/chandlery/chandlery.toml:ro chandlery:0.1.0 check

FROM docker.io/library/rust:1.95-bookworm AS build
ARG PROFILE=release
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN cargo install --locked --path . --profile "$PROFILE" --root out

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/out/bin/chandlery /usr/bin/chandlery
USER 65532:65532
EXPOSE 9090
ENTRYPOINT ["/usr/bin/chandlery"]
CMD ["worker"]
