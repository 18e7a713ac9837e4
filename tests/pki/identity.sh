#!/usr/bin/env bash
# tests/pki/identity.sh
# Makes tests/pki/identity: two keys in the forms that tools write, a self-signed certificate of each, and a chain of each
# that leads over two intermediate authorities to root.der, with RSA keys of 4096 bits above the device's. The keys guard
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

# authority NAME SUBJECT [ISSUER]
authority() {
  openssl genrsa -out "/tmp/$1.key" 4096 2>/dev/null
  openssl req -new -key "/tmp/$1.key" -subj "/O=Makers of small devices/CN=$2" -out "/tmp/$1.csr"
  if [ $# = 2 ]; then set -- "$1" "$2" "$1" -key "/tmp/$1.key"; else set -- "$1" "$2" "$3" -CA "/tmp/$3.pem" -CAkey "/tmp/$3.key"; fi
  openssl x509 -req -in "/tmp/$1.csr" "${@:4}" -days 36500 -set_serial "0x$(openssl rand -hex 15)" -out "/tmp/$1.pem" \
    -extfile <(printf '%s\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign \
      subjectKeyIdentifier=hash authorityKeyIdentifier=keyid)
}

authority root "Root of devices"
authority upper "Authority of a region" root
authority lower "Authority of a plant" upper
openssl x509 -in /tmp/root.pem -outform DER -out root.der
for kind in p256 ed25519; do
  openssl req -new -key $kind.key.pem -subj "/CN=device" -out /tmp/device.csr
  openssl x509 -req -in /tmp/device.csr -CA /tmp/lower.pem -CAkey /tmp/lower.key -days 36500 -out /tmp/device.pem \
    -set_serial "0x$(openssl rand -hex 15)" -extfile <(printf '%s\n' basicConstraints=critical,CA:FALSE \
      extendedKeyUsage=clientAuth subjectKeyIdentifier=hash authorityKeyIdentifier=keyid \
      "nsComment=$(printf 'made in the plant, %.0s' {1..40})")
  cat /tmp/device.pem /tmp/lower.pem /tmp/upper.pem > $kind.chain.pem
done
rm /tmp/{root,upper,lower}.{key,csr,pem} /tmp/device.{csr,pem}
