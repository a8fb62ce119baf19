# The worker's image: built with the Rust of Debian 12's C library, run on a distroless image of the same.
#
#   docker build -t chandlery:0.1.0 .
#   docker run --read-only --user 65532 --volume ./chandlery.toml:/etc/chandlery/chandlery.toml:ro chandlery:0.1.0 check
#
# Both images are pinned by digest: what is built today is built of the same tomorrow. Security updates of Debian come with
# new digests only: `docker buildx imagetools inspect IMAGE:TAG` says the present one. The second image has no shell, no
# package manager and no root; it has no versions but its tag.

FROM docker.io/library/rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS build
ARG PROFILE=release
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY crates crates
RUN cargo install --locked --path . --profile "$PROFILE" --root out

FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
COPY --from=build /build/out/bin/chandlery /usr/bin/chandlery
# As in config/chandlery.service.
ENV MALLOC_ARENA_MAX=1
USER 65532:65532
EXPOSE 9090
ENTRYPOINT ["/usr/bin/chandlery"]
CMD ["worker"]
