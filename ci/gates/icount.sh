#!/usr/bin/env bash
# instructions, stack and memory on emulated boards, within 3 % of benches/budgets.toml
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

#
# Exact, whatever else the machine does: QEMU counts what its processor executes.

gate() {
  command -v qemu-system-arm >/dev/null || skip "qemu-system-arm is not installed"
  command -v qemu-system-riscv32 >/dev/null || skip "qemu-system-riscv32 is not installed"
  local board target machine image counted client work instructions stack budget row tick bad=0
  printf '%-64s %12s %6s  %s\n' "" instructions stack "budget"
  while IFS='|' read -r board target machine; do
    cross build "$target" --release --manifest-path benches/icount/Cargo.toml
    image=target/$target/release/icount
    # shellcheck disable=SC2086 # the machine is several words
    counted=$(timeout 120 qemu-system-$machine -nographic -icount shift=0 -semihosting -kernel "$image" </dev/null) ||
      { echo "$counted" && return 1; }
    counted+=$'\n'INFO\ $(size -A "$image" | awk '$1 == ".data" {data = $2} $1 == ".bss" {bss = $2}
      END {print "statics, and what of them flash holds|" data + bss "|" data}')
    # One exchange over a connection, with ours and with peers: an image each, so that none shares code with another.
    cross build "$target" --release --manifest-path benches/icount/connection/Cargo.toml --bins
    for client in ours reqwless edge-http codec; do
      # shellcheck disable=SC2086
      counted+=$'\n'$(timeout 120 qemu-system-$machine -nographic -icount shift=0 -semihosting \
        -kernel "target/$target/release/$client" </dev/null) || { echo "$counted" && return 1; }
    done
    # What the board's clock can tell apart: 25 MHz and 10 MHz of virtual time, at a nanosecond for an instruction.
    case $board in RISC-V*) tick=100 ;; *) tick=40 ;; esac
    while IFS='|' read -r work instructions stack; do
      budget=$(awk -F ' = ' -v name="\"$board: $work\"" '$1 == name {gsub(/[],[]/, "", $2); print $2}' benches/budgets.toml)
      printf '%-64s %12d %6d  %s\n' "$board: $work" "$instructions" "$stack" "${budget:-none}"
      awk -v now="$instructions $stack" -v budget="${budget:-0 0}" -v tick="$tick" 'BEGIN {
        split(now, n); split(budget, b)
        exit !((n[1] <= b[1] * 1.03 || n[1] <= b[1] + tick) && n[2] <= b[2] * 1.03) }' || { echo "^ over" && bad=1; }
    done < <(sed -n 's/^INFO //p' <<<"$counted")
    row=$(awk -F ' = ' -v name="\"$board: handshake " 'index($1, name) == 1 {
      split($2, n, /[[,]/); row = row sprintf(" %.0f |", n[2] / 1e6) } END {print row}' benches/budgets.toml)
    grep -qxF "| $board |$row" benches/README.md || { echo "benches/README.md does not say: | $board |$row" && bad=1; }
  done <<'BOARDS'
Cortex-M0+|thumbv6m-none-eabi|arm -M mps2-an385
RISC-V|riscv32imc-unknown-none-elf|riscv32 -M virt -m 16M -bios none
BOARDS
  if [ "$bad" = 1 ]; then echo "more than 3 % above its budget, without one, or told otherwise"; fi
  return "$bad"
}

gate "$@"
