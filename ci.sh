#!/usr/bin/env bash
# Proves what the project promises. The desk and CI run the same lines.
#   ./ci.sh             every gate
#   ./ci.sh GATE...     these gates
#   ./ci.sh --list      what there is
# shellcheck disable=SC2317 # the gates are called by name
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export CARGO_TARGET_DIR=$PWD/target

gates=(
  "fmt       the code is formatted"
  "words     no machine's paths or hosts, no unfinished code, tidy shell scripts"
  "tree      no alloc and no std feature in the dependencies that reach the chip"
  "clippy    no warnings: default, each feature alone, all together"
  "docs      the documentation builds without warnings"
  "features  each feature alone, none and all: on the host and for a chip without atomics"
  "targets   the library builds for Cortex-M0+, Cortex-M33 and two RISC-V chips"
  "bare      a verified GET links for bare metal with no global allocator"
  "examples  the examples build; the quick start and the tour run"
  "sizes     the flash of that program, within 3 % of benches/budgets.toml"
  "bench     our speed beside other clients', at least what benches/claims.toml and README.md say"
  "icount    instructions, stack and memory on emulated boards, within 3 % of benches/budgets.toml"
  "interop   our request tool against openssl, nginx and httpbin"
  "compact   verify-compact: the vectors, the other implementation and the public chains agree with it"
  "corpora   public test suites, read from \$SOCKETPOOL_CORPORA (default ../shared/data)"
  "miri      the one file with unsafe code, under Miri"
  "package   the published package holds what it should, and builds"
)

targets=(thumbv6m-none-eabi thumbv8m.main-none-eabihf riscv32imc-unknown-none-elf riscv32imac-unknown-none-elf)
small=thumbv6m-none-eabi # the chip without atomics
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
  cargo fmt --check
  local manifest
  for manifest in examples/bare benches/peers benches/icount benches/icount/record; do
    cargo fmt --check --manifest-path "$manifest/Cargo.toml"
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
}

gate_docs() {
  export RUSTDOCFLAGS="-D warnings"
  cargo doc --quiet --locked --no-deps --all-features
  cargo doc --quiet --locked --no-deps
}

# cross VERB TARGET [OPTION...]: cargo, for a target whose core ci/targets.sh has made available.
cross() {
  local verb=$1 target=$2 how
  shift 2
  how=$(ci/targets.sh "$target" | tail -n 1)
  if [ "$how" = build-std ]; then
    RUSTC_BOOTSTRAP=1 cargo "$verb" --quiet --locked -Zbuild-std=core --target "$target" "$@"
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
  [ -f examples/bare/Cargo.toml ] || skip "not there yet: examples/bare"
  [ -e src/requests ] || [ -e src/requests.rs ] || skip "not there yet: src/requests"
  local target binary names
  for target in "$small" riscv32imc-unknown-none-elf; do
    cross build "$target" --manifest-path examples/bare/Cargo.toml
    binary=target/$target/debug/bare
    names=$(nm -C "$binary")
    # An empty program would prove nothing: the code of the exchange must be in it.
    local part
    for part in 'socketpool::requests' 'socketpool::tls' 'embedded_tls'; do
      grep -q "$part" <<<"$names" || { echo "$target: no $part in the binary" && return 1; }
    done
    if grep -E '__rust_(no_)?(alloc|realloc|dealloc)|__rg_alloc|\balloc::' <<<"$names"; then
      echo "$target: ^ allocator in the binary"
      return 1
    fi
    echo "$target: linked, $(wc -l <<<"$names") symbols, no allocator"
  done
}

# What a chip flashes: code and constants of examples/bare, stubs of its network included. A build with link-time
# optimization takes most of a minute, so not every feature is measured on every target.
gate_sizes() {
  local name target with size budget bad=0
  printf '%-48s %9s %9s\n' "bytes of flash" size budget
  while IFS='|' read -r name target with; do
    cross build "$target" --release --manifest-path examples/bare/Cargo.toml --features "$with"
    size=$(size "target/$target/release/bare" | awk 'NR == 2 {print $1 + $2}')
    budget=$(awk -F ' = ' -v name="\"$name\"" '$1 == name {print $2}' benches/budgets.toml)
    printf '%-48s %9d %9s\n' "$name" "$size" "${budget:-none}"
    if [ -z "$budget" ] || [ "$size" -gt $((budget * 103 / 100)) ]; then bad=1; fi
  done <<'CONFIGURATIONS'
Cortex-M0+|thumbv6m-none-eabi|
Cortex-M0+, verify-compact|thumbv6m-none-eabi|verify-compact
RISC-V without atomics, verify-compact|riscv32imc-unknown-none-elf|verify-compact
CONFIGURATIONS
  if [ "$bad" = 1 ]; then echo "more than 3 % above its budget, or without one"; fi
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
}

gate_interop() {
  [ -f examples/request.rs ] || skip "not there yet: examples/request.rs"
  cargo build --quiet --locked --example request
  python3 tests/interop/run.py target/debug/examples/request
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
