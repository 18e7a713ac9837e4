#!/usr/bin/env bash
# the flash of small programs, ours beside our peers', within 3 % of benches/budgets.toml; no core::fmt under HTTPS
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

#
# What a chip flashes, the stub of the network included; and beside it, on one chip, the same programs on our peers.

# largest PROGRAM: the five largest symbols of the program that was built last.
largest() {
  local bytes symbol
  while read -r _ bytes _ symbol; do
    printf '  %10d %.96s\n' "0x$bytes" "$symbol"
  done < <(nm -C -S --size-sort -r "target/$small/release/$1" | awk 'NR <= 5')
}

# The figures that README.md quotes are those of benches/budgets.toml, in kilobytes.
quoted() {
  local name kilobytes bad=0
  while IFS='|' read -r name; do
    kilobytes=$((($(budget "$small" "$name") + 500) / 1000))
    grep -qF "$name: $kilobytes KB" README.md || { echo "README.md should say \"$name: $kilobytes KB\"" && bad=1; }
  done <<'QUOTED'
GET
POST JSON and parse
HTTPS, one CA
HTTPS, Mozilla
QUOTED
  return "$bad"
}

# weigh TARGET FEATURES PROGRAM: builds a program of benches/size and says how many bytes of code and constants it is.
weigh() {
  cross build "$1" --release --manifest-path benches/size/Cargo.toml --features "$2" --bin "$3"
  size "target/$1/release/$3" | awk 'NR == 2 {print $1 + $2}'
}

# unformatted TARGET PROGRAM: the machinery of core::fmt is not in the image. Impls of Debug may be: an object of a trait
# that asks for Debug has one, and those of ours write strings alone. One `write!` in one of them, or a derived Debug with a
# field, brings 4 KB back.
unformatted() {
  if nm -C "target/$1/release/$2" | grep -E ' [a-zA-Z] core::fmt::'; then
    echo "$2 on $1: ^ core::fmt in the image"
    return 1
  fi
}

gate() {
  local name features program goal peers peer target bytes allowed row bad=0
  printf '%-34s %12s %12s %12s   %s\n' "bytes of flash" Cortex-M0+ RISC-V "our target" "peers on Cortex-M0+"
  while IFS='|' read -r name program features goal peers; do
    row=()
    for target in "$small" "$small_riscv"; do
      bytes=$(weigh "$target" "$features" "$program")
      allowed=$(budget "$target" "$name")
      row+=("$bytes")
      if [[ $name == HTTPS* ]]; then unformatted "$target" "$program" || bad=1; fi
      if [ -z "$allowed" ] || [ "$bytes" -gt $((allowed * 103 / 100)) ]; then
        echo "$name on $target: $bytes bytes, budget ${allowed:-none}"
        bad=1
      fi
    done
    for peer in $peers; do row+=("${peer#*:} $(weigh "$small" "${peer#*:}" "${peer%:*}")"); done
    printf '%-34s %12d %12d %12s   %s\n' "$name" "${row[0]}" "${row[1]}" "${goal:--}" "$(printf '%s  ' "${row[@]:2}")"
    if [ -n "$goal" ] && [ "${row[0]}" -gt "$goal" ]; then echo "  missed on Cortex-M0+ by $((row[0] - goal)) bytes"; fi
    largest "$program"
  done <<'PROGRAMS'
GET|get|http|16000|reqwless-get:reqwless edge-http-get:edge-http
POST JSON and parse|post|http|22000|reqwless-post:reqwless edge-http-post:edge-http
the same with f32|post-float|http||
GET over a connection|connection-get|http|14000|reqwless-get:reqwless edge-http-get:edge-http
POST JSON and parse over a connection|connection-post|http|18000|reqwless-post:reqwless edge-http-post:edge-http
GET, blocking|get-blocking|both||
GET with both faces|both|both||
HTTPS, one CA|https-one|https|190000|reqwless-https-one:reqwless-https
HTTPS, Mozilla|https-all|https|250000|
TLS by our engine, Crypto::DEFAULT|https-engine|https||
TLS by our engine, Crypto::SMALL|https-engine|engine-small||
PROGRAMS
  if [ "$bad" = 1 ]; then echo "more than 3 % above its budget in benches/budgets.toml, or without one, or with core::fmt"; fi
  quoted || bad=1
  return "$bad"
}

gate "$@"
