#!/usr/bin/env bash
# public test suites, read from $SOCKETPOOL_CORPORA (default ../shared/data)
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  [ -f tests/corpora/main.rs ] || skip "not there yet: tests/corpora"
  local data=${SOCKETPOOL_CORPORA:-../shared/data}
  [ -d "$data" ] || skip "no data: $data is not a directory"
  SOCKETPOOL_CORPORA=$(cd "$data" && pwd) cargo test --quiet --locked --test corpora -- --nocapture
}

gate "$@"
