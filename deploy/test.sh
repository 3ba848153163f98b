#!/bin/sh
# Builds everything, starts one Kafka and one registry, runs every test against them, stops them.
# Arguments go to the test programs, for example the name of one.
set -eu
cd "$(dirname "$0")/.."
deploy/setup.sh
target=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')

echo 'test: building'
cargo build --quiet --locked --workspace --bins
cargo test --quiet --locked --workspace --no-run

# A cluster of this run's own, beside any other in the same build folder. The kernel tells its supervisor when this script
# dies, however it dies, and kills Kafka and the registry when the supervisor does.
place=$(mktemp -d "$target/test-cluster.XXXXXX")
walbrook=$target/debug/walbrook
supervisor=''
stop() {
  if [ -n "$supervisor" ]; then
    kill "$supervisor" 2>/dev/null || true
    wait "$supervisor" || true
  fi
  rm -rf "$place"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP
echo 'test: starting Kafka and the registry'
setpriv --pdeathsig TERM "$walbrook" up --cluster-only --dir "$place" \
  --kafka-port 0 --controller-port 0 --registry-port 0 >"$place/up.log" 2>&1 &
supervisor=$!
until "$walbrook" status --dir "$place" >/dev/null 2>&1; do
  if ! kill -0 "$supervisor" 2>/dev/null; then
    cat "$place/up.log" >&2
    exit 69
  fi
  sleep 0.2
done
address() { "$walbrook" status --json --dir "$place" | sed -n "s/^  \"$1\": \"\(.*\)\",*/\1/p"; }
WALBROOK_TEST_KAFKA=$(address kafka)
WALBROOK_TEST_REGISTRY=$(address registry)
export WALBROOK_TEST_KAFKA WALBROOK_TEST_REGISTRY
echo "test: Kafka $WALBROOK_TEST_KAFKA, registry $WALBROOK_TEST_REGISTRY"
cargo test --locked --workspace --no-fail-fast -- "$@"
# The checker of the simulation is tested with faults planted in a build of its own.
cargo test --locked --package walbrook-tests --test simulation --features planted-faults -- planted::
