#!/usr/bin/env bash
# Proves what the project promises. The desk and CI run the same lines.
#   ./ci.sh             every gate
#   ./ci.sh GATE...     these gates
#   ./ci.sh GATE all    the long form of a gate that has one: picow
#   ./ci.sh --list      what there is
# A gate is a script in ci/gates/, which says on its second line what it proves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# In this order: what is quick and fails often comes first.
gates=(
  fmt words tree arrows clippy docs surface links features targets bare examples boards picow sizes bench icount interop qemu
  corpora miri deny package
)
# By name only: they take long, or do not stand in the budget of CI yet.
by_name=(fuzz chaos soak guides newcomer)

if [ "${1:-}" = --list ]; then
  for gate in "${gates[@]}" "${by_name[@]}"; do printf '%-9s %s\n' "$gate" "$(sed -n '2s/^# //p' "ci/gates/$gate.sh")"; done
  exit
fi
if [ "${*: -1}" = all ]; then
  set -- "${@:1:$#-1}"
  export all=all
fi
chosen=("$@")
[ $# -gt 0 ] || chosen=("${gates[@]}")
for gate in "${chosen[@]}"; do
  [ -f "ci/gates/$gate.sh" ] || {
    echo "no gate $gate; there are:" >&2
    printf '  %s\n' "${gates[@]}" >&2
    exit 2
  }
done

table=() failed=0
for gate in "${chosen[@]}"; do
  printf '\n=== %s\n' "$gate"
  start=$SECONDS status=0
  bash "ci/gates/$gate.sh" 2>&1 || status=$?
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
