#!/bin/sh
# Installs what this machine lacks to build and run Walbrook: a C compiler, perl, pkg-config, the OpenSSL headers, Java 17
# and Maven. With apt-get, as root or through sudo; where that is not possible it names what is missing and how to get it,
# and ends with 69. Where nothing is missing it says nothing and takes no time.
set -u

missing=''
names=''
lacks() { # lacks NAME PACKAGE…
  names="$names${names:+, }$1"
  shift
  missing="$missing $*"
}

has() { command -v "$1" >/dev/null 2>&1; }

# Kafka needs Java 17 or later. JAVA_HOME comes before what is on PATH, as when Kafka is started.
java_version() {
  java=java
  if [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ]; then java=$JAVA_HOME/bin/java; fi
  "$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1
}

look() {
  missing='' names=''
  has cc && has c++ && has make || lacks 'a C and C++ compiler' build-essential
  has perl || lacks perl perl
  if ! has pkg-config; then
    lacks pkg-config pkg-config
    lacks 'the OpenSSL headers' libssl-dev
  elif ! pkg-config --exists openssl; then
    lacks 'the OpenSSL headers' libssl-dev
  fi
  version=$(java_version)
  [ "${version:-0}" -ge 17 ] || lacks 'Java 17' openjdk-17-jre-headless
  has mvn || lacks Maven maven
}

if ! has cargo; then
  echo 'setup: the Rust toolchain is missing. Install it with rustup; rust-toolchain.toml names the version.' >&2
  exit 69
fi
look
[ -z "$missing" ] && exit 0

as_root=''
if [ "$(id -u)" -ne 0 ]; then
  # Where sudo wants a password it can ask for one, but only a person at a terminal can answer.
  if has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then as_root=sudo; else as_root=no; fi
fi
if ! has apt-get || [ "$as_root" = no ]; then
  echo "setup: missing: $names." >&2
  echo 'setup: it cannot be installed from here (that needs apt-get, and root or sudo). On Debian or Ubuntu, as root:' >&2
  echo "setup:   apt-get update && apt-get install --no-install-recommends$missing" >&2
  echo 'setup: elsewhere, install the same by other means and run this again.' >&2
  exit 69
fi

echo "setup: missing: $names; installing with apt-get:$missing"
log=$(mktemp)
install() {
  $as_root apt-get update -qq &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
}
if ! install >"$log" 2>&1; then
  tail -n 15 "$log" >&2
  echo "setup: apt-get could not install it; the whole of what it said is in $log" >&2
  exit 69
fi
rm -f "$log"
look
if [ -n "$missing" ]; then
  echo "setup: still missing after installing: $names. Is an older one first on PATH, or in JAVA_HOME?" >&2
  exit 69
fi
echo 'setup: done'
