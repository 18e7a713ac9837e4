#!/usr/bin/env bash
# the documentation builds without warnings
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  export RUSTDOCFLAGS="-D warnings"
  cargo doc --quiet --locked --no-deps --all-features
  cargo doc --quiet --locked --no-deps
}

gate "$@"
