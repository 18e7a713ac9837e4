#!/usr/bin/env bash
# every target of fuzz/ for some seconds, no crash; its seeds again with a usize of 32 bits
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

#
# FUZZ_SECONDS: how long each target runs (5). FUZZ_TARGETS: which ones, with blanks between (all).
# What libFuzzer needs of the compiler are stable options, so that neither a nightly toolchain nor cargo-fuzz is needed.

export CARGO_TARGET_DIR=$root/fuzz/target
host=x86_64-unknown-linux-gnu
small_usize=i686-unknown-linux-gnu
coverage="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares"

# run TARGET SECONDS: fuzzes one target, from its seeds and from what earlier runs found; one line of figures.
run() {
  local name=$1 seconds=$2 log=fuzz/artifacts/$1.log options=()
  mkdir -p "fuzz/corpus/$name" "fuzz/artifacts/$name"
  if [ -f "fuzz/dictionaries/$name" ]; then options=(-dict="fuzz/dictionaries/$name"); fi
  # A hang is a fault: an input takes no longer than 10 seconds, and no more than 512 MB.
  if ! "fuzz/target/$host/release/$name" "fuzz/corpus/$name" "fuzz/seeds/$name" "${options[@]}" \
    -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=512 -print_final_stats=1 \
    -artifact_prefix="fuzz/artifacts/$name/" >"$log" 2>&1; then
    tail -n 40 "$log"
    printf '%-13s crashed: the input is in fuzz/artifacts/%s\n' "$name" "$name"
    return 1
  fi
  awk -v name="$name" '/number_of_executed_units/ {n = $2} /average_exec_per_sec/ {rate = $2}
    END {printf "%-13s %10d executions %8d exec/s   crashes 0\n", name, n, rate}' "$log"
}

# The targets without libFuzzer, for 32 bits: a program each, which replays the seeds and what was found.
replay() {
  if ! cargo +nightly --version >/dev/null 2>&1 || ! echo 'int main(void) { return 0; }' | gcc -m32 -x c -o /dev/null - 2>/dev/null; then
    echo "no replay with 32 bits: it takes a nightly toolchain with rust-src, and gcc-multilib"
    return
  fi
  (cd fuzz && cargo +nightly build --quiet --locked --release --no-default-features -Zbuild-std=std,panic_abort \
    --target "$small_usize" --bins)
  local name
  for name in "$@"; do
    printf '%-13s ' "$name"
    "fuzz/target/$small_usize/release/$name" "fuzz/seeds/$name" "fuzz/corpus/$name"
  done
}

gate() {
  local seconds=${FUZZ_SECONDS:-5} targets name bad=0 executions
  read -ra targets <<<"${FUZZ_TARGETS:-$(cd fuzz/fuzz_targets && echo ./*.rs | sed 's/[.]rs//g; s/[.][/]//g')}"
  (cd fuzz && RUSTFLAGS="$coverage" cargo build --quiet --locked --release --target "$host" --bins)
  for name in "${targets[@]}"; do run "$name" "$seconds" || bad=1; done
  replay "${targets[@]}" || bad=1
  executions=$(cd fuzz/artifacts && awk '/number_of_executed_units/ {n += $2} END {print n}' "${targets[@]/%/.log}")
  echo "${#targets[@]} targets, $executions executions, crashes $([ "$bad" = 0 ] && echo 0 || echo "see above")"
  return "$bad"
}

gate "$@"
