#!/usr/bin/env bash
# as somebody new does it: a fresh clone in an empty home, README's two commands, then the commands of the guides
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# Not among the gates that run by default: what it runs, they run, in the clone that CI made.
gate() {
  local place start=$SECONDS
  place=$(mktemp -d)
  # shellcheck disable=SC2064 # as it is now
  trap "rm -rf '$place'" EXIT
  git clone --quiet "$root" "$place/socketpool"
  mkdir "$place/home"
  # The compiler and what cargo has downloaded are the machine's.
  export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} HOME=$place/home
  unset CARGO_TARGET_DIR
  cd "$place/socketpool"
  cargo run --quiet --locked --example quickstart
  echo "quickstart: $((SECONDS - start)) s, $(du -sh target | cut -f1) in target"
  cargo test --quiet --locked
  echo "cargo test: $((SECONDS - start)) s, $(du -sh target | cut -f1) in target"
  ./ci.sh guides
  echo "all: $((SECONDS - start)) s, $(du -sh target | cut -f1) in target"
}

gate "$@"
