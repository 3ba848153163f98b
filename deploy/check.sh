#!/bin/sh
# Format, lints, documentation, dependencies: each with warnings as errors. Says what it does, and what it could not do.
set -eu
cd "$(dirname "$0")/.."
deploy/setup.sh

echo 'check: format'
cargo fmt --all --check
echo 'check: lints'
cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
echo 'check: documentation'
RUSTDOCFLAGS='-D warnings' cargo doc --quiet --locked --workspace --no-deps

# cargo-deny is built once for this version, quickly rather than fast: it runs for seconds.
version=0.20.2
tools=${WALBROOK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/walbrook}/cargo-deny-$version
deny=$tools/bin/cargo-deny
if [ ! -x "$deny" ]; then
  echo "check: building cargo-deny $version, once, into $tools"
  CARGO_TARGET_DIR=$tools/target CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
    cargo install --quiet --locked --root "$tools" --version "$version" cargo-deny
  rm -rf "$tools/target"
fi
echo 'check: bans, licences, sources'
"$deny" --log-level warn --config .deny.toml check --hide-inclusion-graph bans licenses sources
if timeout 180 "$deny" --log-level off --config .deny.toml fetch db >/dev/null 2>&1; then
  echo 'check: advisories'
  "$deny" --log-level warn --config .deny.toml check --disable-fetch advisories
else
  echo 'advisories: not checked'
fi
