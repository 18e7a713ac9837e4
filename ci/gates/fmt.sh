#!/usr/bin/env bash
# the code is formatted
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  local manifest
  for manifest in $(git ls-files '*Cargo.toml'); do
    cargo fmt --check --manifest-path "$manifest"
  done
}

gate "$@"
