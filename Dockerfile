# Drainline's images, a target each: drainline (everything, and the operator's commands), ingest, transform, shipper.
#
#   docker build --target drainline -t drainline --build-arg VERSION="$(git describe --tags --always --dirty)" .
#
# The build needs Go's modules and nothing else. It compiles on the machine's own platform for the wanted one.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ENV CGO_ENABLED=0 GOFLAGS=-trimpath GOWORK=off
# What stands in an image's /var/lib/drainline goes to a new volume there, its owner too.
RUN mkdir -p /out/data
# Modules first: they are fetched again only when these files change.
WORKDIR /src/services
COPY proto/go.mod proto/go.sum ../proto/
COPY config/go.mod config/go.sum ../config/
COPY services/go.mod services/go.sum ./
COPY test/simulators/go.mod ../test/simulators/
RUN go mod download
COPY proto ../proto
COPY config ../config
COPY services ./
ARG VERSION=dev TARGETOS TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -buildvcs=false -o /out/ \
	-ldflags "-s -w -X github.com/drainline/drainline/services/internal/app.Version=$VERSION" ./cmd/...

# What all have: no shell, no other program, and a user that owns nothing but the data.
FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY LICENSE /
USER 65532:65532
# Health and metrics have to be reached from outside the container.
ENV DRAINLINE_ADMIN__LISTEN=:9600
EXPOSE 9600
ARG VERSION=dev
LABEL org.opencontainers.image.source="https://github.com/drainline/drainline" \
	org.opencontainers.image.licenses="Apache-2.0" \
	org.opencontainers.image.version="$VERSION"

FROM base AS transform
LABEL org.opencontainers.image.title="drainline-transform" \
	org.opencontainers.image.description="Turns what Drainline's ingest stored into events for each destination"
COPY --from=build /out/transform /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/transform"]

FROM base AS shipper
LABEL org.opencontainers.image.title="drainline-shipper" \
	org.opencontainers.image.description="Delivers Drainline's events to Splunk's HTTP Event Collector"
COPY --from=build /out/shipper /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/shipper"]

# A spool is optional: mount a volume at /var/lib/drainline and set DRAINLINE_INGEST__SPOOL__DIR=/var/lib/drainline.
FROM base AS ingest
LABEL org.opencontainers.image.title="drainline-ingest" \
	org.opencontainers.image.description="Takes Heroku's log drains and HEC clients, and stores what they send"
COPY --from=build --chown=65532:65532 /out/data /var/lib/drainline
COPY --from=build /out/ingest /usr/local/bin/
EXPOSE 8080 8088
ENTRYPOINT ["/usr/local/bin/ingest"]

# The last target is what `docker build .` makes.
FROM base AS drainline
LABEL org.opencontainers.image.title="drainline" \
	org.opencontainers.image.description="Carries Heroku logs to Splunk and loses none of them"
COPY --from=build --chown=65532:65532 /out/data /var/lib/drainline
COPY --from=build /out/drainline /usr/local/bin/
ENV DRAINLINE_BUS__EMBEDDED__DIR=/var/lib/drainline
VOLUME /var/lib/drainline
EXPOSE 8080 8088
ENTRYPOINT ["/usr/local/bin/drainline"]
CMD ["run"]
