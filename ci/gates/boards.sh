#!/usr/bin/env bash
# every app for every board: how much flash and RAM it takes
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

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

# Each board: the feature and the directory in examples that it has, and its target.
boards=(
  "pico-w  rp2040-w thumbv6m-none-eabi"
  "pico2-w rp2040-w thumbv8m.main-none-eabihf"
  "esp32c3 esp32    riscv32imc-unknown-none-elf"
  "esp32c6 esp32    riscv32imac-unknown-none-elf"
)

gate() {
  local board directory target app flash ram allowed bad=0
  cargo test --quiet --locked --manifest-path examples/station/Cargo.toml
  (cd examples/rp2040-w/boot && cross build thumbv6m-none-eabi --release)
  printf '%-8s %-10s %9s %9s\n' board app flash RAM
  while read -r board directory target; do
    cd "$root/examples/$directory" # for its .cargo/config.toml
    local options=(--release --no-default-features --features "$board")
    libraries=core,alloc cross clippy "$target" "${options[@]}" -- -D warnings
    libraries=core,alloc cross build "$target" "${options[@]}"
    for app in src/bin/*.rs; do
      app=$(basename "$app" .rs)
      # The boot loader of the one, and how the other sleeps, are for the other chip.
      case "$board $app" in "pico2-w update" | "pico2-w sensor") continue ;; esac
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
  # The programs of one file.
  while read -r board directory target; do
    cd "$root/examples/$directory/minimal"
    export WIFI_SSID='a network' WIFI_PASSWORD='its passphrase'
    libraries=core,alloc cross clippy "$target" --release -- -D warnings
    libraries=core,alloc cross build "$target" --release
    read -r flash ram < <(footprint "$CARGO_TARGET_DIR/$target/release/minimal")
    printf '%-8s %-10s %9d %9d\n' "$board" minimal "$flash" "$ram"
  done < <(printf '%s\n' "${boards[@]}" | grep -E '^(pico-w|esp32c3) ')
  return "$bad"
}

gate "$@"
