#!/usr/bin/env bash
# no warnings: default, each feature alone, all together
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  cargo clippy --quiet --locked --all-targets -- -D warnings
  cargo clippy --quiet --locked --all-targets --all-features -- -D warnings
  # The tests need the crate with several features at once, so alone means the library.
  cargo clippy --quiet --locked --lib --no-default-features -- -D warnings
  local feature
  for feature in $(features); do
    echo "alone: $feature"
    cargo clippy --quiet --locked --lib --no-default-features --features "$feature" -- -D warnings
  done
  echo "examples/apps"
  cargo clippy --quiet --locked --manifest-path examples/apps/Cargo.toml -- -D warnings
  cargo clippy --quiet --locked --manifest-path examples/apps/Cargo.toml --all-features -- -D warnings
  local target
  for target in "${qemu_targets[@]}"; do
    echo "examples/qemu for $target"
    cross clippy "$target" --manifest-path examples/qemu/Cargo.toml --workspace -- -D warnings
  done
}

gate "$@"
