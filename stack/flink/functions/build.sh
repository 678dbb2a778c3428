#!/usr/bin/env bash
# Compiles ccs-functions.jar anew, with the same bytes for the same sources and JDK 17. The
# arguments are a folder with Flink's jars and, if the jar is to be elsewhere, its path.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
javac --release 17 -g:none -cp "$1/*" -d "$out" "$here"/ccs/*.java "$here"/ccs/*/*.java
find "$out" -exec touch -d '2026-01-01T00:00:00Z' {} +
jar --create --no-manifest --date=2026-01-01T00:00:00Z --file "${2:-$here/ccs-functions.jar}" -C "$out" .
