#!/usr/bin/env bash
# a verified GET and a POST of JSON link for bare metal with no global allocator
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  local target program features wanted names part
  while IFS='|' read -r program features wanted; do
    for target in "$small" "$small_riscv"; do
      cross build "$target" --manifest-path benches/size/Cargo.toml --features "$features" --bin "$program"
      names=$(nm -C "target/$target/debug/$program")
      # An empty program would prove nothing: the code of the exchange must be in it.
      for part in $wanted; do
        grep -q "$part" <<<"$names" || { echo "$target, $program: no $part in the binary" && return 1; }
      done
      if grep -E '__rust_(no_)?(alloc|realloc|dealloc)|__rg_alloc|\balloc::' <<<"$names"; then
        echo "$target, $program: ^ allocator in the binary"
        return 1
      fi
      echo "$target, $program: linked, $(wc -l <<<"$names") symbols, no allocator"
    done
  done <<'PROGRAMS'
https-all|https|socketpool::requests socketpool::tls::engine
post-float|http|socketpool::requests serde_json_core
PROGRAMS
}

gate "$@"
