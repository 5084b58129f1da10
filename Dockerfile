# lapse with what its targets need, but for what it fetches itself:
#
#   docker build -t lapse .
#   docker run --rm -v "$PWD:/work" lapse run quorum-basics
#
# Nodes are processes on loopback in there; with --privileged they get namespaces of
# their own.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -tags grpcnotrace -o /lapse ./cmd/lapse

FROM debian:bookworm-slim
# No package may start a server of its own while it is installed.
RUN export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
 && apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates openjdk-17-jre-headless maven xz-utils \
      redis-server etcd-server mariadb-server galera-4 rsync lsof libfaketime python3 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /lapse /usr/local/bin/lapse
WORKDIR /work
ENTRYPOINT ["lapse"]
