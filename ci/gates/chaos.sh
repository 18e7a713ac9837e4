#!/usr/bin/env bash
# faults on every byte, bad lines, hostile peers: each response right or a named error in time, no slot lost
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

#
# A sample. CHAOS=long takes every byte and a thousand exchanges on every line; RELIABILITY.md has what came of it.

gate() {
  [ -f tests/chaos/Cargo.toml ] || skip "not there yet: tests/chaos"
  local form=${CHAOS:-short} part bad=0
  cargo build --quiet --locked --release --manifest-path tests/chaos/Cargo.toml
  for part in offsets hostile lines; do
    target/release/chaos "$part" "$form" || bad=1
  done
  return "$bad"
}

gate "$@"
