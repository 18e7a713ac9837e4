#!/usr/bin/env bash
# the apps of examples/apps on two emulated boards, against nginx and httpbin; what they cost, within 3 %
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

#
# Needs port 53 of loopback, for the name server that the boards ask.

gate() {
  [ -f examples/qemu/Cargo.toml ] || skip "not there yet: examples/qemu"
  local target
  for target in "${qemu_targets[@]}"; do
    cross build "$target" --release --manifest-path examples/qemu/Cargo.toml --bins
    echo "$target: built"
  done
  cargo build --quiet --locked --manifest-path examples/desk/Cargo.toml --bin update
  python3 tests/qemu/run.py target target/debug/update
}

gate "$@"
