#!/usr/bin/env bash
# no alloc and no std feature in the dependencies that reach the chip
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# With --target, features that only build scripts and procedural macros switch on are not counted: they stay on the host.
tree() {
  cargo tree --locked --target "$small" "$@"
}

gate() {
  local with packages offenders first
  for with in default "$(chip_features | paste -sd,)"; do
    packages=$(tree --edges normal,no-proc-macro --features "$with" --prefix none --format '{p}|{f}' | sed 's/ (\*)$//' | sort -u)
    offenders=$(awk -F'|' '{
      n = split($2, on, ",")
      for (i = 1; i <= n; i++) if (on[i] ~ /^(use[-_])?(alloc|std)$/) print $1 ": feature " on[i]
    }' <<<"$packages")
    if [ -n "$offenders" ]; then
      echo "$offenders"
      first=$(sed -nE '1s/^([^ ]+) v([^ :]+).*/\1@\2/p' <<<"$offenders")
      echo "Who asks what of $first:"
      tree --edges normal,features,no-proc-macro --features "$with" --invert "$first" --depth 4
      return 1
    fi
    echo "$with: $(wc -l <<<"$packages") packages, none with alloc or std"
  done
}

gate "$@"
