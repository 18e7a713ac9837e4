#!/usr/bin/env bash
# tests/qemu/pki.sh DIRECTORY
# For api.test: a leaf of a P-256, an RSA-2048 and a P-384 root, one that has expired, one of a root that nobody trusts, and one
# for another name.
set -euo pipefail
# shellcheck disable=SC1091 # shared with the interop gate
. "$(dirname "${BASH_SOURCE[0]}")/../interop/authority.sh"
cd "$1"

names() { # names FILE NAME
  cat >"$1.ext" <<EXTENSIONS
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$2
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS
}

names api api.test
names other other.test
ca root-p256 "P-256 root" EC ec_paramgen_curve:P-256
ca root-rsa "RSA-2048 root" RSA rsa_keygen_bits:2048
ca root-p384 "P-384 root"
ca stranger "somebody else's root"
for key in p256 rsa p384; do
  leaf "$key" "root-$key" api EC ec_paramgen_curve:P-256
  openssl x509 -in "root-$key.pem" -outform DER -out "root-$key.der"
done
days=0 leaf expired root-p256 api EC ec_paramgen_curve:P-256
leaf untrusted stranger api EC ec_paramgen_curve:P-256
leaf other root-p256 other EC ec_paramgen_curve:P-256
