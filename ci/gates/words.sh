#!/usr/bin/env bash
# no machine's paths or hosts, no unfinished code, tidy shell scripts
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
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
    shellcheck -x "${scripts[@]}" || bad=1
  else
    echo "skipped: shellcheck is not installed"
  fi
  return "$bad"
}

gate "$@"
