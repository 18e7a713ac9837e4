#!/usr/bin/env bash
# our speed beside other clients', at least what benches/claims.toml and README.md say
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

#
# Ratios, not times: whoever shares the machine slows all clients down alike.

gate() {
  local claims measured name most ratio bad=0
  claims=$(sed -nE 's/^"([^"]+)" = ([0-9.]+)$/\1|\2/p' benches/claims.toml)
  # shellcheck disable=SC2016 # the quotes are Markdown's
  diff <(echo "$claims") <(sed -nE 's/^\| `([^`]+)` \| at most ([0-9.]+) \|$/\1|\2/p' README.md) ||
    { echo "README.md and benches/claims.toml disagree" && return 1; }
  measured=$(cargo run --quiet --locked --release --manifest-path benches/peers/Cargo.toml)
  echo "$measured"
  while IFS='|' read -r name most; do
    ratio=$(sed -nE "s|^ratio $name ([0-9.]+) .*|\1|p" <<<"$measured")
    awk -v ratio="${ratio:-none}" -v most="$most" 'BEGIN { exit !(ratio + 0 > 0 && ratio + 0 <= most + 0) }' ||
      { echo "lost: $name is ${ratio:-not there}, claimed is at most $most" && bad=1; }
  done <<<"$claims"
  return "$bad"
}

gate "$@"
