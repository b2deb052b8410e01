#!/bin/bash
# Tell HAProxy to give a replica no new requests; used by rolling-restart.sh.
#   drain ADDRESS      once another replica answers, send nothing new to the one at ADDRESS
#   drain --release    once the drained replica is down, remove the mark from its slot, so that the
#                      next replica there gets requests, even if it has the same address
set -euo pipefail

# HAProxy's flag in the column srv_admin_state of `show servers state`.
DRAINED=8

haproxy() {
    exec 3<>/dev/tcp/127.0.0.1/9999
    echo "$*" >&3
    cat <&3
    exec 3>&-
}

# Lines of "backend/server address operational-state admin-state".
servers() { haproxy show servers state | awk '$4 ~ /^trident/ { print $2 "/" $4, $5, $6, $7 }'; }

# Whether each backend has another replica than the one at $1 that answers.
replaced() {
    servers | awk -v address="$1" '
        { split($1, name, "/"); backends[name[1]] }
        $2 != address && $3 == 2 && $4 == 0 { up[name[1]] }
        END { for (backend in backends) if (!(backend in up)) exit 1 }'
}

# Lines of "backend/server operational-state" of those that get no new requests.
drained() {
    servers | while read -r server _ running state; do
        ((!(state & DRAINED))) || echo "$server $running"
    done
}

if [ "$1" = --release ]; then
    for _ in {1..30}; do
        drained | grep -v ' 0$' >/dev/null || break
        sleep 0.5
    done
    drained | while read -r server _; do
        haproxy set server "$server" state ready
    done
    exit 0
fi

for _ in {1..60}; do
    if replaced "$1"; then
        servers | while read -r server address _ _; do
            [ "$address" != "$1" ] || haproxy set server "$server" state drain
        done
        exit 0
    fi
    sleep 0.5
done
echo "no replica but $1 answers: it stays" >&2
exit 1
