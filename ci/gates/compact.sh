#!/usr/bin/env bash
# verify-compact: the vectors, the other implementation and the public chains agree with it
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

#
# The other gates and plain tests see the general algorithms behind every policy; this one sees the compact ones.

gate() {
  local data=${SOCKETPOOL_CORPORA:-../shared/data}
  if [ -d "$data" ]; then
    data=$(cd "$data" && pwd)
    export SOCKETPOOL_CORPORA=$data
  fi
  cargo test --quiet --locked --features verify-compact --lib algorithms
  cargo test --quiet --locked --features verify-compact --test verify
  cargo test --quiet --locked --features verify-compact --test corpora x509
}

gate "$@"
