#!/usr/bin/env bash
# the published package holds what it should, and builds
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  local files stray needed
  files=$(cargo package --quiet --locked --allow-dirty --list)
  stray=$(grep -vxE 'Cargo\.(toml|toml\.orig|lock)|\.cargo_vcs_info\.json|LICENSE|README\.md|CHANGELOG\.md|SECURITY\.md|src/.*\.(rs|der|txt)|docs/[a-z]+\.md|benches/budgets\.toml|examples/([a-z0-9_]+/)*[a-z0-9_]+\.rs' \
    <<<"$files" || true)
  [ -z "$stray" ] || { echo "stray files:" && echo "$stray" && return 1; }
  for needed in LICENSE README.md CHANGELOG.md SECURITY.md src/lib.rs docs/start.md benches/budgets.toml; do
    grep -qxF "$needed" <<<"$files" || { echo "missing: $needed" && return 1; }
    [ -s "$needed" ] || { echo "empty: $needed" && return 1; }
  done
  cargo package --quiet --locked --allow-dirty
  echo "$(wc -l <<<"$files") files, $(du -h target/package/socketpool-*.crate | tail -n 1 | cut -f1)"
}

gate "$@"
