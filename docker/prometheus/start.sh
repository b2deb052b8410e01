#!/bin/sh
# Starts Prometheus with these options. It can't read the environment, so a rule tells it how many
# replicas of Trident there should be: DNS only tells how many there are.
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
