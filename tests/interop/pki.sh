#!/usr/bin/env bash
# tests/interop/pki.sh DIRECTORY
# A P-384 root with an RSA-2048, a P-256, a P-384 and an Ed25519 leaf for localhost and 127.0.0.1, a root that signed none of them,
# and a root with client certificates, P-256 and Ed25519. And two chains of four certificates with keys as Let's Encrypt's
# generation Y has them since May 2026: an old root, a new one that it signed, an intermediate, a server.
set -euo pipefail
# shellcheck disable=SC1091 # it lies beside this script
. "$(dirname "${BASH_SOURCE[0]}")/authority.sh"
cd "$1"

cat >leaf.ext <<'EXTENSIONS'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS

cat >client.ext <<'EXTENSIONS'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS

ca root "socketpool test root"
ca stranger "somebody else's root"
ca devices "root of devices"
leaf rsa root leaf RSA rsa_keygen_bits:2048
leaf p256 root leaf EC ec_paramgen_curve:P-256
leaf p384 root leaf EC ec_paramgen_curve:P-384
leaf ed25519 root leaf ED25519
leaf client-p256 devices client EC ec_paramgen_curve:P-256
leaf client-ed25519 devices client ED25519
leaf client-strange stranger client EC ec_paramgen_curve:P-256
ca old-ecdsa "old root, ECDSA"
between new-ecdsa old-ecdsa "new root, ECDSA" EC ec_paramgen_curve:P-384
between y-ecdsa-issuer new-ecdsa "intermediate, ECDSA" EC ec_paramgen_curve:P-384
leaf y-ecdsa y-ecdsa-issuer leaf EC ec_paramgen_curve:P-256
ca old-rsa "old root, RSA" RSA rsa_keygen_bits:4096
between new-rsa old-rsa "new root, RSA" RSA rsa_keygen_bits:4096
between y-rsa-issuer new-rsa "intermediate, RSA" RSA rsa_keygen_bits:2048
leaf y-rsa y-rsa-issuer leaf RSA rsa_keygen_bits:2048
for kind in ecdsa rsa; do
  cat "y-$kind-issuer.pem" "new-$kind.pem" >"y-$kind.chain.pem"
  cat "y-$kind.pem" "y-$kind.chain.pem" >"y-$kind.all.pem"
done
for authority in root stranger; do openssl x509 -in "$authority.pem" -outform DER -out "$authority.der"; done
