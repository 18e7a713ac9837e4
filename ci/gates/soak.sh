#!/usr/bin/env bash
# half a minute of 24 tasks on three sockets with faults and cancellation: memory flat, nothing lost, everybody served
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

#
# SOAK=3600 runs for so many seconds.

gate() {
  [ -f tests/chaos/Cargo.toml ] || skip "not there yet: tests/chaos"
  cargo build --quiet --locked --release --manifest-path tests/chaos/Cargo.toml
  target/release/chaos soak "${SOAK:-30}"
}

gate "$@"
