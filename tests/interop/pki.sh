#!/usr/bin/env bash
# tests/interop/pki.sh DIRECTORY
# A P-384 root with an RSA-2048 and a P-256 leaf for localhost and 127.0.0.1, and a root that signed neither.
set -euo pipefail
cd "$1"

ca() { # ca NAME COMMON_NAME
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$1.key"
  openssl req -x509 -new -key "$1.key" -sha384 -days 3650 -subj "/CN=$2" -out "$1.pem" \
    -addext "keyUsage=critical,keyCertSign,cRLSign"
}

leaf() { # leaf NAME ALGORITHM OPTION
  openssl genpkey -quiet -algorithm "$2" -pkeyopt "$3" -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA root.pem -CAkey root.key -CAcreateserial -sha384 -days 30 -out "$1.pem" -extfile leaf.ext
}

cat >leaf.ext <<'EXTENSIONS'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS

ca root "socketpool test root"
ca stranger "somebody else's root"
leaf rsa RSA rsa_keygen_bits:2048
leaf p256 EC ec_paramgen_curve:P-256
openssl x509 -in root.pem -outform DER -out root.der
