#!/bin/sh
# Makes RSA keys (RSAPublicKey, DER) of unusual sizes and exponents, and signatures with them over the eleven octets
# "hello world", for tests/verify/rsa.rs. The results are committed.
set -eu
cd "$(dirname "$0")"
OUT=$PWD/rsa
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir -p "$OUT"
cd "$WORK"
printf 'hello world' > message
make() { # bits exponent
    name=$1-$2
    openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:$1" -pkeyopt "rsa_keygen_pubexp:$2" -out key 2>/dev/null
    openssl rsa -in key -RSAPublicKey_out -outform DER -out "$OUT/$name.key" 2>/dev/null
    openssl dgst -sha256 -sign key -out "$OUT/$name.pkcs1" message
    openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sign key -out "$OUT/$name.pss" message
}
make 2048 3
make 2056 65537
make 2560 65537
make 3080 17
make 4088 65537
make 4096 3
# Refused: too short, not a multiple of eight bits, too long, exponent too large.
make 2040 65537
make 2050 65537
make 4104 65537
make 2048 4294967295
make 2048 4294967297
