#!/usr/bin/env bash
# what comes with the crate: licences, crates in two versions; known faults where cargo-deny is installed
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  python3 ci/deny.py
  if command -v cargo-deny >/dev/null; then
    cargo deny --locked check
  else
    echo "skipped: advisories, which need cargo-deny and its database"
  fi
}

gate "$@"
