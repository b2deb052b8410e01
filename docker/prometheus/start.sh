#!/bin/sh
# Starts Prometheus with these options. Rules can't read the environment, so this script writes a
# rule with the wanted number of replicas: DNS only shows how many there are.
set -eu
cat > "${TMPDIR:-/tmp}/wanted.yml" <<EOF
groups:
  - name: trident-wanted
    rules:
      - record: job:trident_replicas:wanted
        labels: {job: trident}
        expr: vector($TRIDENT_REPLICAS)
EOF
exec prometheus "$@"
