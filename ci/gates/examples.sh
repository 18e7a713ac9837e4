#!/usr/bin/env bash
# the examples build; the quick start, the tours and the servers run
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  compgen -G 'examples/*.rs' >/dev/null || skip "not there yet: examples"
  cargo build --quiet --locked --examples
  [ -f examples/quickstart.rs ] || skip "not there yet: examples/quickstart.rs"
  timeout 120 cargo run --quiet --locked --example quickstart </dev/null
  if [ -f examples/requests_tour.rs ]; then timeout 120 cargo run --quiet --locked --example requests_tour </dev/null; fi
  timeout 120 cargo run --quiet --locked --example sockets </dev/null
  timeout 120 python3 tests/interop/server.py target/debug/examples/server
}

gate "$@"
