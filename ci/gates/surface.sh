#!/usr/bin/env bash
# the public interface is the one of docs/public-api.txt; `renew=1 ./ci.sh surface` writes that anew
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  local format
  # rustdoc's JSON is not stable yet: this compiler's flag opens it, and its format is the one that ci/surface.py reads.
  RUSTC_BOOTSTRAP=1 cargo rustdoc --quiet --locked --lib --all-features -- -Z unstable-options --output-format json --cap-lints allow
  format=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["format_version"])' target/doc/socketpool.json)
  [ "$format" = 57 ] || skip "rustdoc writes format $format, and ci/surface.py reads 57"
  if [ -n "${renew:-}" ]; then
    python3 ci/surface.py target/doc/socketpool.json >docs/public-api.txt
  elif ! diff -U2 docs/public-api.txt <(python3 ci/surface.py target/doc/socketpool.json); then
    echo "the public interface has changed: if it was meant to, \`renew=1 ./ci.sh surface\`, and a line for CHANGELOG.md"
    return 1
  fi
  echo "$(grep -c '^socketpool' docs/public-api.txt) items"
}

gate "$@"
