#!/usr/bin/env bash
# the library builds for Cortex-M0+, Cortex-M33 and two RISC-V chips
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  local target
  ci/targets.sh "${targets[@]}"
  for target in "${targets[@]}"; do
    echo "$target: default features"
    cross build "$target" --lib
    echo "$target: all features"
    cross build "$target" --lib --features "$(chip_features | paste -sd,)"
  done
}

gate "$@"
