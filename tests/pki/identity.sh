#!/usr/bin/env bash
# tests/pki/identity.sh
# Makes tests/pki/identity: two keys in the forms that tools write, and a self-signed certificate of each. The keys guard
# nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p identity
cd identity

certificate() { # certificate NAME
  openssl req -x509 -new -key "$1.key.pem" -days 36500 -subj "/CN=device" -outform DER -out "$1.der" \
    -addext "basicConstraints=critical,CA:FALSE" -addext "extendedKeyUsage=clientAuth"
}

openssl ecparam -name prime256v1 -genkey -out p256.sec1.pem # with a block EC PARAMETERS before the key
openssl pkcs8 -topk8 -nocrypt -in p256.sec1.pem -out p256.key.pem
openssl pkcs8 -topk8 -in p256.sec1.pem -passout pass:secret -out p256.encrypted.pem
openssl ec -in p256.sec1.pem -no_public -out p256.no-public.pem
openssl ecparam -name secp384r1 -genkey -noout -out p384.sec1.pem
openssl genpkey -algorithm Ed25519 -out ed25519.key.pem
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -quiet | openssl rsa -traditional -out rsa.pkcs1.pem
certificate p256
certificate ed25519
