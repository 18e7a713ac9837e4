#!/usr/bin/env bash
# Proves what the project promises. The desk and CI run the same lines.
#   ./ci.sh             every gate
#   ./ci.sh GATE...     these gates
#   ./ci.sh --list      what there is
# shellcheck disable=SC2317 # the gates are called by name
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD
export CARGO_TARGET_DIR=$root/target

gates=(
  "fmt       the code is formatted"
  "words     no machine's paths or hosts, no unfinished code, tidy shell scripts"
  "tree      no alloc and no std feature in the dependencies that reach the chip"
  "clippy    no warnings: default, each feature alone, all together"
  "docs      the documentation builds without warnings"
  "features  each feature alone, none and all: on the host and for a chip without atomics"
  "targets   the library builds for Cortex-M0+, Cortex-M33 and two RISC-V chips"
  "bare      a verified GET and a POST of JSON link for bare metal with no global allocator"
  "examples  the examples build; the quick start, the tours and the servers run"
  "boards    every app for every board: how much flash and RAM it takes"
  "sizes     the flash of small programs, ours beside our peers', within 3 % of benches/budgets.toml"
  "bench     our speed beside other clients', at least what benches/claims.toml and README.md say"
  "icount    instructions, stack and memory on emulated boards, within 3 % of benches/budgets.toml"
  "interop   our request tool against openssl, nginx and httpbin; other crates' clients over our pool, MQTT against mosquitto"
  "qemu      the apps of examples/apps on two emulated boards, against nginx and httpbin; what they cost, within 3 %"
  "compact   verify-compact: the vectors, the other implementation and the public chains agree with it"
  "corpora   public test suites, read from \$SOCKETPOOL_CORPORA (default ../shared/data)"
  "miri      the file that lends memory, with unsafe code, under Miri"
  "package   the published package holds what it should, and builds"
)

targets=(thumbv6m-none-eabi thumbv8m.main-none-eabihf riscv32imc-unknown-none-elf riscv32imac-unknown-none-elf)
qemu_targets=(thumbv6m-none-eabi riscv32imac-unknown-none-elf)
small=thumbv6m-none-eabi # the chip without atomics
small_riscv=riscv32imc-unknown-none-elf
host_only=()             # features that need an operating system: not built for chips

# A gate that has nothing to work on leaves here, and the table says so.
skip() {
  echo "skipped: $*"
  exit 77
}

features() {
  cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "socketpool":
        print("\n".join(sorted(set(package["features"]) - {"default"})))'
}

chip_features() {
  LC_ALL=C comm -23 <(features) <(printf '%s\n' "${host_only[@]}" | LC_ALL=C sort)
}

gate_fmt() {
  local manifest
  for manifest in $(git ls-files '*Cargo.toml'); do
    cargo fmt --check --manifest-path "$manifest"
  done
}

gate_words() {
  local bad=0
  forbid() { # forbid WHAT PATTERN [PATHSPEC...]
    local what=$1 pattern=$2
    shift 2
    if git grep -nIE "$pattern" -- "$@"; then
      echo "^ $what"
      bad=1
    fi
  }
  # Brackets keep these patterns from finding themselves. Untracked files count only once they are added.
  forbid "a path of somebody's machine" '(^|[^[:alnum:]_.~/-])/(root|work|home/[a-z]+|Users/[A-Za-z]+)[/]' . ':!*Cargo.lock'
  forbid "the host of a package registry" \
    '(static[.]|index[.])crates[.]io|(deb|security|snapshot)[.]debian[.]org|pypi[.]org|pythonhosted[.]org|registry[.]npmjs[.]org|proxy[.]golang[.]org' \
    . ':!*Cargo.lock'
  forbid "unfinished code" '\b(todo|unimplemented)!|#\[ignore' src tests examples
  if command -v shellcheck >/dev/null; then
    local scripts
    mapfile -t scripts < <(git grep -lE '^#!.*\bbash\b' -- ':!*.md')
    shellcheck "${scripts[@]}" || bad=1
  else
    echo "skipped: shellcheck is not installed"
  fi
  return "$bad"
}

# With --target, features that only build scripts and procedural macros switch on are not counted: they stay on the host.
tree() {
  cargo tree --locked --target "$small" "$@"
}

gate_tree() {
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

gate_clippy() {
  cargo clippy --quiet --locked --all-targets -- -D warnings
  cargo clippy --quiet --locked --all-targets --all-features -- -D warnings
  # The tests need the crate with several features at once, so alone means the library.
  cargo clippy --quiet --locked --lib --no-default-features -- -D warnings
  local feature
  for feature in $(features); do
    echo "alone: $feature"
    cargo clippy --quiet --locked --lib --no-default-features --features "$feature" -- -D warnings
  done
  echo "examples/apps"
  cargo clippy --quiet --locked --manifest-path examples/apps/Cargo.toml -- -D warnings
  cargo clippy --quiet --locked --manifest-path examples/apps/Cargo.toml --all-features -- -D warnings
  local target
  for target in "${qemu_targets[@]}"; do
    echo "examples/qemu for $target"
    cross clippy "$target" --manifest-path examples/qemu/Cargo.toml --workspace -- -D warnings
  done
}

gate_docs() {
  export RUSTDOCFLAGS="-D warnings"
  cargo doc --quiet --locked --no-deps --all-features
  cargo doc --quiet --locked --no-deps
}

# cross VERB TARGET [OPTION...]: cargo, for a target whose core ci/targets.sh has made available; with $libraries instead
# of core alone.
cross() {
  local verb=$1 target=$2 how
  shift 2
  how=$("$root/ci/targets.sh" "$target" | tail -n 1)
  if [ "$how" = build-std ]; then
    RUSTC_BOOTSTRAP=1 cargo "$verb" --quiet --locked "-Zbuild-std=${libraries:-core}" --target "$target" "$@"
  else
    cargo "$verb" --quiet --locked --target "$target" "$@"
  fi
}

gate_features() {
  local feature
  echo "on the host"
  cargo check --quiet --locked --lib --no-default-features
  for feature in $(features); do
    cargo check --quiet --locked --lib --no-default-features --features "$feature"
  done
  cargo check --quiet --locked --lib --all-features
  echo "for $small"
  cross check "$small" --lib --no-default-features
  for feature in $(chip_features); do
    cross check "$small" --lib --no-default-features --features "$feature"
  done
  cross check "$small" --lib --no-default-features --features "$(chip_features | paste -sd,)"
}

gate_targets() {
  local target
  ci/targets.sh "${targets[@]}"
  for target in "${targets[@]}"; do
    echo "$target: default features"
    cross build "$target" --lib
    echo "$target: all features"
    cross build "$target" --lib --features "$(chip_features | paste -sd,)"
  done
}

gate_bare() {
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
https-all|https|socketpool::requests socketpool::tls embedded_tls
post-float|http|socketpool::requests serde_json_core
PROGRAMS
}

# weigh TARGET FEATURES PROGRAM: builds a program of benches/size and says how many bytes of code and constants it is.
weigh() {
  cross build "$1" --release --manifest-path benches/size/Cargo.toml --features "$2" --bin "$3"
  size "target/$1/release/$3" | awk 'NR == 2 {print $1 + $2}'
}

# budget TABLE NAME: what benches/budgets.toml allows it.
budget() {
  awk -F ' = ' -v table="[$1]" -v name="\"$2\"" '/^\[/ {here = $0 == table} here && $1 == name {print $2}' "$root/benches/budgets.toml"
}

# What a chip flashes, the stub of the network included; and beside it, on one chip, the same programs on our peers.
gate_sizes() {
  local name features program goal peers peer target bytes allowed row bad=0
  printf '%-34s %12s %12s %12s   %s\n' "bytes of flash" Cortex-M0+ RISC-V "our target" "peers on Cortex-M0+"
  while IFS='|' read -r name program features goal peers; do
    row=()
    for target in "$small" "$small_riscv"; do
      bytes=$(weigh "$target" "$features" "$program")
      allowed=$(budget "$target" "$name")
      row+=("$bytes")
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
GET with both faces|both|both||
HTTPS, one CA|https-one|https||reqwless-https-one:reqwless-https
HTTPS, one CA, verify-compact|https-one|verify-compact|190000|
HTTPS, Mozilla, verify-compact|https-all|verify-compact|250000|
PROGRAMS
  if [ "$bad" = 1 ]; then echo "more than 3 % above its budget in benches/budgets.toml, or without one"; fi
  quoted || bad=1
  return "$bad"
}

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
HTTPS, one CA, verify-compact
HTTPS, Mozilla, verify-compact
QUOTED
  return "$bad"
}

# Ratios, not times: whoever shares the machine slows all clients down alike.
gate_bench() {
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

# Exact, whatever else the machine does: QEMU counts what its processor executes.
gate_icount() {
  command -v qemu-system-arm >/dev/null || skip "qemu-system-arm is not installed"
  command -v qemu-system-riscv32 >/dev/null || skip "qemu-system-riscv32 is not installed"
  local board target with machine image counted work instructions stack budget row bad=0
  printf '%-64s %12s %6s  %s\n' "" instructions stack "budget"
  while IFS='|' read -r board target with machine; do
    cross build "$target" --release --manifest-path benches/icount/Cargo.toml --features "$with"
    image=target/$target/release/icount
    # shellcheck disable=SC2086 # the machine is several words
    counted=$(timeout 120 qemu-system-$machine -nographic -icount shift=0 -semihosting -kernel "$image" </dev/null) ||
      { echo "$counted" && return 1; }
    counted+=$'\n'INFO\ $(size -A "$image" | awk '$1 == ".data" {data = $2} $1 == ".bss" {bss = $2}
      END {print "statics, and what of them flash holds|" data + bss "|" data}')
    while IFS='|' read -r work instructions stack; do
      budget=$(awk -F ' = ' -v name="\"$board: $work\"" '$1 == name {gsub(/[],[]/, "", $2); print $2}' benches/budgets.toml)
      printf '%-64s %12d %6d  %s\n' "$board: $work" "$instructions" "$stack" "${budget:-none}"
      awk -v now="$instructions $stack" -v budget="${budget:-0 0}" 'BEGIN {
        split(now, n); split(budget, b); exit !(n[1] <= b[1] * 1.03 && n[2] <= b[2] * 1.03) }' || bad=1
    done < <(sed -n 's/^INFO //p' <<<"$counted")
    row=$(awk -F ' = ' -v name="\"$board: handshake " 'index($1, name) == 1 {
      split($2, n, /[[,]/); row = row sprintf(" %.0f |", n[2] / 1e6) } END {print row}' benches/budgets.toml)
    grep -qxF "| $board |$row" benches/README.md || { echo "benches/README.md does not say: | $board |$row" && bad=1; }
  done <<'BOARDS'
Cortex-M0+|thumbv6m-none-eabi||arm -M mps2-an385
Cortex-M0+, verify-compact|thumbv6m-none-eabi|verify-compact|arm -M mps2-an385
RISC-V|riscv32imc-unknown-none-elf||riscv32 -M virt -m 16M -bios none
RISC-V, verify-compact|riscv32imc-unknown-none-elf|verify-compact|riscv32 -M virt -m 16M -bios none
BOARDS
  if [ "$bad" = 1 ]; then echo "more than 3 % above its budget, without one, or told otherwise"; fi
  return "$bad"
}

gate_examples() {
  compgen -G 'examples/*.rs' >/dev/null || skip "not there yet: examples"
  cargo build --quiet --locked --examples
  [ -f examples/quickstart.rs ] || skip "not there yet: examples/quickstart.rs"
  timeout 120 cargo run --quiet --locked --example quickstart </dev/null
  if [ -f examples/requests_tour.rs ]; then timeout 120 cargo run --quiet --locked --example requests_tour </dev/null; fi
  timeout 120 cargo run --quiet --locked --example sockets </dev/null
  timeout 120 python3 tests/interop/server.py target/debug/examples/server
}

# Each board: the feature and the directory in examples that it has, and its target.
boards=(
  "pico-w  rp2040-w thumbv6m-none-eabi"
  "pico2-w rp2040-w thumbv8m.main-none-eabihf"
  "esp32c3 esp32    riscv32imc-unknown-none-elf"
  "esp32c6 esp32    riscv32imac-unknown-none-elf"
)

# footprint PROGRAM: the bytes it takes of flash (what is loaded) and of RAM (what is written to, and code that runs there).
# The stack, which has the rest of the RAM, is not counted.
footprint() {
  local name type size flags flash=0 ram=0
  while read -r name type _ _ size _ flags _; do
    size=$((16#$size))
    case $type,$flags in PROGBITS,*A*) flash=$((flash + size)) ;; esac
    case $name,$flags in *,*WA* | .trap,* | .rwtext*) ram=$((ram + size)) ;; esac
  done < <(readelf --sections --wide "$1" | sed -nE 's/^ +\[ *[0-9]+\] +(\.[^ ]+) /\1 /p')
  echo "$flash $ram"
}

gate_boards() {
  local board directory target app flash ram allowed bad=0
  cargo test --quiet --locked --manifest-path examples/station/Cargo.toml
  printf '%-8s %-10s %9s %9s\n' board app flash RAM
  while read -r board directory target; do
    cd "$root/examples/$directory" # for its .cargo/config.toml
    local options=(--release --no-default-features --features "$board")
    libraries=core,alloc cross clippy "$target" "${options[@]}" -- -D warnings
    libraries=core,alloc cross build "$target" "${options[@]}"
    for app in src/bin/*.rs; do
      app=$(basename "$app" .rs)
      read -r flash ram < <(footprint "$CARGO_TARGET_DIR/$target/release/$app")
      printf '%-8s %-10s %9d %9d\n' "$board" "$app" "$flash" "$ram"
      allowed=$(budget boards "$board, $app")
      if [ -n "$allowed" ] && [ "$flash" -gt $((allowed * 103 / 100)) ]; then
        echo "^ more than 3 % above its budget of $allowed bytes of flash"
        bad=1
      fi
      if [ "$board $app" = "pico-w weather" ] && [ "$flash" -gt 500000 ]; then
        echo "  our target of 500000 bytes of flash is missed by $((flash - 500000))"
      fi
      if [ "$directory" = rp2040-w ] && [ "$ram" -gt 120000 ]; then
        echo "^ more than 120000 bytes of RAM"
        bad=1
      fi
    done
  done < <(printf '%s\n' "${boards[@]}")
  return "$bad"
}

gate_interop() {
  [ -f examples/request.rs ] || skip "not there yet: examples/request.rs"
  cargo build --quiet --locked --example request
  cargo clippy --quiet --locked --all-targets --manifest-path tests/clients/Cargo.toml -- -D warnings
  cargo test --quiet --locked --no-run --manifest-path tests/clients/Cargo.toml
  python3 tests/interop/run.py target/debug/examples/request
}

# Needs port 53 of loopback, for the name server that the boards ask.
gate_qemu() {
  [ -f examples/qemu/Cargo.toml ] || skip "not there yet: examples/qemu"
  local target
  for target in "${qemu_targets[@]}"; do
    cross build "$target" --release --manifest-path examples/qemu/Cargo.toml --bins
    echo "$target: built"
  done
  python3 tests/qemu/run.py target
}

# The other gates and plain tests see the general algorithms behind every policy; this one sees the compact ones.
gate_compact() {
  local data=${SOCKETPOOL_CORPORA:-../shared/data}
  if [ -d "$data" ]; then
    data=$(cd "$data" && pwd)
    export SOCKETPOOL_CORPORA=$data
  fi
  cargo test --quiet --locked --features verify-compact --lib algorithms
  cargo test --quiet --locked --features verify-compact --test wycheproof --test 'verify_*' --test corpora_x509
}

gate_corpora() {
  compgen -G 'tests/corpora*.rs' >/dev/null || skip "not there yet: tests/corpora*.rs"
  local data=${SOCKETPOOL_CORPORA:-../shared/data}
  [ -d "$data" ] || skip "no data: $data is not a directory"
  SOCKETPOOL_CORPORA=$(cd "$data" && pwd) cargo test --quiet --locked --test 'corpora*' -- --nocapture
}

gate_miri() {
  [ -f src/lending.rs ] || skip "not there yet: src/lending.rs"
  cargo +nightly miri --version >/dev/null 2>&1 ||
    rustup component add --toolchain nightly miri rust-src >/dev/null 2>&1 ||
    skip "no nightly toolchain with Miri"
  cargo +nightly miri test --quiet --locked --lib lending
}

gate_package() {
  local files stray needed
  files=$(cargo package --quiet --locked --allow-dirty --list)
  stray=$(grep -vxE 'Cargo\.(toml|toml\.orig|lock)|\.cargo_vcs_info\.json|LICENSE|README\.md|CHANGELOG\.md|SECURITY\.md|src/.*\.rs|examples/([a-z0-9_]+/)*[a-z0-9_]+\.rs' \
    <<<"$files" || true)
  [ -z "$stray" ] || { echo "stray files:" && echo "$stray" && return 1; }
  for needed in LICENSE README.md CHANGELOG.md SECURITY.md src/lib.rs; do
    grep -qxF "$needed" <<<"$files" || { echo "missing: $needed" && return 1; }
    [ -s "$needed" ] || { echo "empty: $needed" && return 1; }
  done
  cargo package --quiet --locked --allow-dirty
  echo "$(wc -l <<<"$files") files, $(du -h target/package/socketpool-*.crate | tail -n 1 | cut -f1)"
}

known() { printf '%s\n' "${gates[@]%% *}"; }

case ${1:-} in
--list)
  printf '%s\n' "${gates[@]}"
  exit
  ;;
--run) # one gate in a process of its own, so that each runs under errexit
  exec 2>&1
  "gate_$2"
  exit
  ;;
esac

chosen=("$@")
[ $# -gt 0 ] || mapfile -t chosen < <(known)
for gate in "${chosen[@]}"; do
  known | grep -qxF -e "$gate" || {
    echo "no gate $gate; there are:" >&2
    printf '  %s\n' "${gates[@]}" >&2
    exit 2
  }
done

table=() failed=0
for gate in "${chosen[@]}"; do
  printf '\n=== %s\n' "$gate"
  start=$SECONDS status=0
  bash ./ci.sh --run "$gate" || status=$?
  case $status in
  0) word=ok ;;
  77) word=skipped ;;
  *) word=FAILED failed=1 ;;
  esac
  table+=("$(printf '%-8s %-9s %4ds' "$word" "$gate" $((SECONDS - start)))")
  echo "${table[-1]}"
done
printf '\n=== result\n'
printf '%s\n' "${table[@]}"
exit $failed
