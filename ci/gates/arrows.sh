#!/usr/bin/env bash
# who may import whom in src/: arrows point down, no circle of folders or of files
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

gate() {
  python3 ci/arrows.py
}

gate "$@"
