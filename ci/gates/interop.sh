#!/usr/bin/env bash
# our request tool against openssl, nginx and httpbin; other crates' clients over our pool, MQTT against mosquitto
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  [ -f examples/request.rs ] || skip "not there yet: examples/request.rs"
  cargo build --quiet --locked --example request
  cargo clippy --quiet --locked --all-targets --manifest-path tests/clients/Cargo.toml -- -D warnings
  cargo test --quiet --locked --no-run --manifest-path tests/clients/Cargo.toml
  python3 tests/interop/run.py target/debug/examples/request
}

gate "$@"
