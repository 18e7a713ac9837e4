#!/usr/bin/env bash
# ci/targets.sh TARGET...
# Makes bare-metal targets buildable and says how on its last line:
#   prebuilt    rustup has their core library
#   build-std   the compiler's library source is in place; build with RUSTC_BOOTSTRAP=1 and -Zbuild-std=core
# The second is for a machine where rustup can download nothing but Debian's archive is in reach (needs root).
set -euo pipefail

missing=()
for target in "$@"; do
  [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ] || missing+=("$target")
done
if [ ${#missing[@]} = 0 ] || rustup target add "${missing[@]}" >&2; then
  echo prebuilt
  exit
fi

release=$(rustc --version | awk '{print $2}')
source=$(rustc --print sysroot)/lib/rustlib/src/rust
if [ ! -f "$source/library/core/src/lib.rs" ]; then
  echo "rustup gives no ${missing[*]}: taking the source of $release from Debian" >&2
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  chmod 755 "$scratch"
  mkdir -p "$scratch/lists/partial" "$scratch/parts"
  # Stable releases of Debian carry one old compiler; these suites carry several, at the archive this machine uses anyway.
  # shellcheck disable=SC2016 # apt-get fills it in
  archive=$(apt-get indextargets --format '$(REPO_URI)' | grep -m 1 '/debian/*$')
  for suite in trixie-backports sid experimental; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main"
  done >"$scratch/sources.list"
  apt=(-qq -o "Dir::Etc::SourceList=$scratch/sources.list" -o "Dir::Etc::SourceParts=$scratch/parts" -o "Dir::State::Lists=$scratch/lists")
  apt-get "${apt[@]}" update >&2
  version=$(apt-cache "${apt[@]}" madison rust-src | awk -v want="$release+" 'index($3, want) == 1 {print $3; exit}')
  if [ -z "$version" ]; then
    echo "Debian has no rust-src of $release" >&2
    exit 1
  fi
  cd "$scratch"
  apt-get "${apt[@]}" download "rust-src=$version" >&2
  dpkg-deb --extract rust-src_*.deb unpacked
  mkdir -p "$(dirname "$source")"
  cp -r "unpacked/usr/src/rustc-$release" "$source"
fi
echo build-std
