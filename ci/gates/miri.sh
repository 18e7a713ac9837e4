#!/usr/bin/env bash
# the file that lends memory, with unsafe code, under Miri
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  [ -f src/cell.rs ] || skip "not there yet: src/cell.rs"
  cargo +nightly miri --version >/dev/null 2>&1 ||
    rustup component add --toolchain nightly miri rust-src >/dev/null 2>&1 ||
    skip "no nightly toolchain with Miri"
  cargo +nightly miri test --quiet --locked --lib cell
}

gate "$@"
