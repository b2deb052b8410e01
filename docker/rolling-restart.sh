#!/usr/bin/env bash
# Replace every replica of Trident by a new one, without losing a request:
#
#   docker/rolling-restart.sh [compose options, such as -f docker/compose.gpu.yaml]
#
# One at a time: a new replica is started from the present image and settings, and is healthy before
# the balancer takes an old one out, which then finishes what it has and stops. For a new release,
# build or pull the image first.
set -euo pipefail
compose=(docker compose -f "$(dirname "$0")/compose.yaml" "$@")

old=$("${compose[@]}" ps --quiet trident)
count=$(wc -w <<<"$old")
for container in $old; do
    "${compose[@]}" up --detach --wait --no-deps --no-recreate --scale trident=$((count + 1)) trident
    for address in $(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$container"); do
        "${compose[@]}" exec -T balancer drain "$address"
    done
    docker stop "$container"
    docker rm "$container"
    "${compose[@]}" exec -T balancer drain --release
done
