#!/usr/bin/env bash
# What several gates use. Each gate sources it first, and stands in the project's root then.
# shellcheck disable=SC2034 # the gates use the variables
set -euo pipefail
shopt -s inherit_errexit # what fails within $(...) fails its gate
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
export CARGO_TARGET_DIR=$root/target

targets=(thumbv6m-none-eabi thumbv8m.main-none-eabihf riscv32imc-unknown-none-elf riscv32imac-unknown-none-elf)
qemu_targets=(thumbv6m-none-eabi riscv32imac-unknown-none-elf)
small=thumbv6m-none-eabi # the chip without atomics
small_riscv=riscv32imc-unknown-none-elf
host_only=(std)          # features that need an operating system: not built for chips

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

# budget TABLE NAME: what benches/budgets.toml allows it.
budget() {
  awk -F ' = ' -v table="[$1]" -v name="\"$2\"" '/^\[/ {here = $0 == table} here && $1 == name {print $2}' "$root/benches/budgets.toml"
}
