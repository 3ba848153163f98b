#!/bin/sh
# Writes jars.sha256 anew from what pom.xml resolves to. Run it after changing a version there, and read the difference.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fetched"
(cd "$fetched" && LC_ALL=C sha256sum -- *) >"$here/jars.sha256"
echo "$(wc -l <"$here/jars.sha256") files pinned in deploy/jars.sha256"
