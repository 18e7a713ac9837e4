#!/usr/bin/env bash
# no dead links: files and headings are there, rustdoc finds what its pages name; other addresses have the form of one
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  local files
  mapfile -t files < <(git ls-files '*.md' 'src/*.rs' 'examples/*.rs')
  python3 ci/links.py "${files[@]}"
  # A warning about a link is an error; the same lines as in the gate `docs`, and so done once.
  export RUSTDOCFLAGS="-D warnings"
  cargo doc --quiet --locked --no-deps --all-features
  cargo doc --quiet --locked --no-deps
}

gate "$@"
