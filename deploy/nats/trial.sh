#!/bin/sh
# Makes keys and certificates and starts a cluster of three NATS servers on this machine, to try
# Drainline on. Stop it with Ctrl-C: what the folder holds stays, and is used again.
#
#   deploy/nats/trial.sh [FOLDER]
#
# drainline and nats-server are taken from PATH.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-nats-trial}
# The lowest port: clients at 4222, 4223 and 4224, routes at 2000 more and monitoring at 4000 more.
port=${NATS_TRIAL_PORT:-4222}

for program in drainline nats-server; do
  command -v "$program" >/dev/null || { echo "trial.sh: $program is not in PATH: put it there" >&2; exit 1; }
done
mkdir -p "$dir"
cd "$dir"
dir=$(pwd)
drainline keys keys --certificates
cp "$here/nats.conf" "$here/users.conf" .

routes="nats://127.0.0.1:$((port + 2000)), nats://127.0.0.1:$((port + 2001)), nats://127.0.0.1:$((port + 2002))"
servers=
trap 'trap - EXIT; kill $servers 2>/dev/null; wait' EXIT
trap 'exit 0' INT TERM
for n in 0 1 2; do
  NATS_NAME="nats-$((n + 1))" NATS_STORE="$dir/nats-$((n + 1))" NATS_MAX_STORE=100GB \
  NATS_LISTEN="127.0.0.1:$((port + n))" NATS_CLUSTER_LISTEN="127.0.0.1:$((port + 2000 + n))" \
  NATS_MONITOR_LISTEN="127.0.0.1:$((port + 4000 + n))" NATS_ROUTES="[$routes]" \
    nats-server -c nats.conf -l "nats-$((n + 1)).log" &
  servers="$servers $!"
done

cat <<END

Three servers run. For the services and commands, in other terminals:

  export DRAINLINE_BUS__URL=nats://127.0.0.1:$port,nats://127.0.0.1:$((port + 1)),nats://127.0.0.1:$((port + 2))
  export DRAINLINE_BUS__REPLICAS=3 DRAINLINE_BUS__TLS__CA_FILE=$dir/keys/ca.pem

  export SPLUNK_HEC_URL=https://splunk.example.com:8088 SPLUNK_HEC_TOKEN=YOUR-TOKEN

with your Splunk's, since a destination has a stream of its own, which services may not make. Then

  DRAINLINE_BUS__NKEY_FILE=$dir/keys/admin.nk drainline streams apply

and each service with its own key (ingest.nk, transform.nk, shipper.nk), and with operator.nk
every other command. Ctrl-C stops the servers.
END
wait
