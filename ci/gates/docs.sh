#!/usr/bin/env bash
# the documentation builds without warnings, as docs.rs builds it too
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  export RUSTDOCFLAGS="-D warnings"
  cargo doc --quiet --locked --no-deps --all-features
  cargo doc --quiet --locked --no-deps
  # docs.rs has a nightly compiler, whose feature `doc_cfg` labels what needs a feature of ours. Beside the others, which cargo
  # would make anew.
  RUSTC_BOOTSTRAP=1 RUSTDOCFLAGS="$RUSTDOCFLAGS --cfg docsrs" \
    cargo doc --quiet --locked --no-deps --all-features --target-dir target/docsrs
}

gate "$@"
