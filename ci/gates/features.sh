#!/usr/bin/env bash
# each feature alone, none and all: on the host and for a chip without atomics
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  local feature
  echo "on the host"
  cargo check --quiet --locked --lib --no-default-features
  for feature in $(features); do
    cargo check --quiet --locked --lib --no-default-features --features "$feature"
  done
  cargo check --quiet --locked --lib --all-features
  echo "for $small"
  cross check "$small" --lib --no-default-features
  for feature in $(chip_features); do
    cross check "$small" --lib --no-default-features --features "$feature"
  done
  cross check "$small" --lib --no-default-features --features "$(chip_features | paste -sd,)"
}

gate "$@"
