#!/usr/bin/env bash
# Replace every replica of Trident by a new one, without losing a request:
#
#   docker/rolling-restart.sh [compose options, such as -f docker/compose.gpu.yaml]
#
# One at a time: it starts a new replica from the present image and settings. When that is healthy,
# the balancer drains an old one, which finishes its requests and stops. For a new release, build or
# pull the image first. If a new replica doesn't become healthy, it is removed, and the old ones go
# on; fix the cause that its log shows, and start this again.
#
# In the end there are TRIDENT_REPLICAS replicas, or as many as there were if that isn't set.
set -euo pipefail
compose=(docker compose -f "$(dirname "$0")/compose.yaml" "$@")

all() { "${compose[@]}" ps --all --quiet trident; }
unknown() { all | grep --invert-match --fixed-strings "${known:-nothing}" || true; }
state() { docker inspect --format '{{.State.Status}} {{.State.Health.Status}} {{.RestartCount}}' "$1"; }
drain() { "${compose[@]}" exec -T balancer drain "$@"; }

known= leaving=

# Start one more replica. Fails if it doesn't become healthy.
start() {
    local new
    "${compose[@]}" up --detach --no-deps --no-recreate --scale trident=$(($(all | wc -l) + 1)) trident
    new=$(unknown)
    while true; do
        case $(state "$new") in
            "running healthy "*) return ;;
            "running starting 0" | "created "*) sleep 0.5 ;;
            *) break ;;
        esac
    done
    echo "The new replica doesn't become healthy and is removed. The last lines of its log:" >&2
    docker logs --tail 20 "$new" >&2
    return 1
}

# Drain a replica at the balancer, and end it.
retire() {
    local address
    for address in $(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$1"); do
        drain "$address"
    done
    known=$(all) leaving=$1
    end
}

end() {
    docker stop "$leaving" >/dev/null
    docker rm "$leaving" >/dev/null
    leaving=
    drain --release
}

# At any exit: finish retiring an old replica if that has begun, otherwise remove the new one.
finish() {
    local replica
    [ -z "$leaving" ] || end
    for replica in $(unknown); do
        docker rm --force "$replica" >/dev/null
    done
}

# What an interrupted restart left: replicas that don't run, and one that gets no requests.
old=()
for replica in $(all); do
    case $(state "$replica") in
        "running healthy "* | "running unhealthy "* | "running starting 0") old+=("$replica") ;;
        *) docker rm --force "$replica" >/dev/null ;;
    esac
done
drain --release

wanted=$("${compose[@]}" config trident | awk '$1 == "replicas:" { print $2 }')
((wanted > 1)) || wanted=$((${#old[@]} > 1 ? ${#old[@]} : 1))

known=$(all)
trap finish EXIT
trap 'exit 1' INT TERM HUP # after the command that runs now
for ((number = 0; number < wanted; number++)); do
    start
    if ((number < ${#old[@]})); then
        retire "${old[number]}"
    fi
    known=$(all)
    echo "$((number + 1)) of $wanted replicas are new"
done
for ((; number < ${#old[@]}; number++)); do
    retire "${old[number]}"
done
