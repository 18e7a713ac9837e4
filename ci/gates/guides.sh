#!/usr/bin/env bash
# the guides: their projects build, their commands run
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# script NAME: runs the commands of this name in the folder of the projects; what they do with cargo's own examples is
# done with ours.
script() {
  local commands
  commands=$(python3 ci/guides.py run "$1")
  echo "guides: $1"
  (
    cd "$work"
    export root
    bash -euo pipefail -c '
      cargo() {
        if [ "$1" = run ]; then shift; command cargo run --manifest-path "$root/Cargo.toml" "$@"; else command cargo "$@"; fi
      }
      '"$commands"
  )
}

# publish FOLDER: to this project the published crate is this one.
publish() {
  mkdir -p "$work/$1/.cargo"
  printf '\n[patch.crates-io]\nsocketpool = { path = "%s" }\n' "$root" >>"$work/$1/.cargo/config.toml"
}

gate() {
  work=$root/target/guides
  rm -rf "$work"
  mkdir -p "$work/target"
  ln -s "$root" "$work/socketpool"
  python3 ci/guides.py files "$work"
  publish desk
  publish bare

  # Each guide is there, and says what it is.
  local guide
  for guide in docs/*.md; do
    grep -q "guide!($(basename "$guide" .md));" src/guides.rs || { echo "$guide is not in src/guides.rs" && return 1; }
  done

  cp Cargo.lock "$work/desk"
  (cd "$work" && python3 -c '
import http.server
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
open("port", "w").write(str(server.server_port))
server.serve_forever()' 2>/dev/null) &
  # shellcheck disable=SC2064 # as it is now
  trap "kill $!" EXIT
  echo "guides: a desk"
  (cd "$work/desk" && cargo build --quiet)
  (cd "$work/desk" && cargo run --quiet -- "http://127.0.0.1:$(cat "$work/port")/") | grep -q '^200 OK\|^200 '

  script plan >/dev/null
  local board
  for board in pico-w pico2-w esp32c3 esp32c6; do "$CARGO_TARGET_DIR/debug/examples/plan" --board "$board" >/dev/null; done
  script roots >/dev/null
  script authority 2>/dev/null
  script authority-tried
  grep -q . "$work/page.html"

  if [ "$(ci/targets.sh "$small" "$small_riscv" 2>/dev/null | tail -n 1)" != prebuilt ]; then
    echo "skipped: the boards, whose libraries rustup does not have here"
    return 0
  fi
  cp Cargo.lock "$work/bare"
  echo "guides: from an empty directory"
  (cd "$work/bare" && cargo check --quiet --target "$small")
  script boards
  publish rp2040-w
  publish esp32
  python3 ci/guides.py add "$work"
  script pico
  script esp
}

gate "$@"
