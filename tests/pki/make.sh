#!/bin/sh
# Makes the certificates of tests/verify/chain.rs with OpenSSL 3. The results are committed; run this only to change them.
# Dates are fixed: the tests verify at 2026-06-01.
set -eu
cd "$(dirname "$0")"
OUT=$PWD/der
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir -p "$OUT"
cd "$WORK"

FROM=20260101000000Z
TO=20360101000000Z

key() { # name algorithm [option]
    openssl genpkey -quiet -algorithm "$2" ${3:+-pkeyopt "$3"} -out "$1.key" 2>/dev/null
}
p256() { key "$1" EC ec_paramgen_curve:P-256; }

# issue NAME ISSUER SUBJECT EXTENSIONS [MD] [FROM] [TO]: certificate of NAME.key, signed by ISSUER.key; NAME = ISSUER is
# a root. EXTENSIONS are lines of an OpenSSL configuration.
issue() {
    printf '%s\n' "$4" > "$1.ext"
    openssl req -new -key "$1.key" -subj "$3" -out "$1.csr"
    : > "$2.db"
    cat > ca.conf <<CONF
[ca]
default_ca = default
[default]
database = $2.db
new_certs_dir = .
serial = serial
rand_serial = yes
policy = any
unique_subject = no
[any]
organizationName = optional
organizationalUnitName = optional
commonName = optional
CONF
    if [ "$1" = "$2" ]; then issuer="-selfsign"; else issuer="-cert $2.pem"; fi
    # shellcheck disable=SC2086
    openssl ca -batch -config ca.conf -notext -preserveDN $issuer -keyfile "$2.key" -md "${5:-sha256}" \
        -startdate "${6:-$FROM}" -enddate "${7:-$TO}" -extfile "$1.ext" -in "$1.csr" -out "$1.pem" 2>/dev/null
    openssl x509 -in "$1.pem" -outform DER -out "$OUT/$1.der"
}

CA='basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid'
LEAF='keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
authorityKeyIdentifier=keyid
subjectAltName=DNS:example.com'

# Roots and intermediates.
p256 root;      issue root root "/O=Test/CN=Test Root" "$CA"
p256 stranger;  issue stranger stranger "/O=Test/CN=Stranger Root" "$CA"
p256 int;       issue int root "/CN=Intermediate" "${CA%%keyUsage*}"'keyUsage=critical,keyCertSign,cRLSign
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid'
sed 's/CA:TRUE/CA:TRUE,pathlen:0/' int.ext > zero.ext
p256 zero;      issue zero root "/CN=No Sub CA" "$(cat zero.ext)"
p256 under;     issue under zero "/CN=Under No Sub CA" "$CA"
p256 nosign;    issue nosign root "/CN=No Signing" 'basicConstraints=critical,CA:TRUE
keyUsage=critical,digitalSignature'
p256 mail;      issue mail root "/CN=Mail Only" "$CA
extendedKeyUsage=emailProtection"
p256 limited;   issue limited root "/CN=Limited" "$CA
nameConstraints=critical,permitted;DNS:example.com,permitted;IP:192.0.2.0/255.255.255.0,excluded;DNS:bad.example.com"
key weak RSA rsa_keygen_bits:1024; issue weak root "/CN=Weak" "$CA"
# The same name and key as int, below another root; and an old one.
cp int.key cross.key;  issue cross stranger "/CN=Intermediate" "$CA"
cp int.key stale.key;  issue stale root "/CN=Intermediate" "$CA" sha256 20240101000000Z 20250101000000Z
# The same name as int, another key.
p256 twin;      issue twin root "/CN=Intermediate" "$CA"

# Server certificates.
p256 good;      issue good int "/CN=other.example" "${LEAF%%subjectAltName*}"'subjectAltName=DNS:one.example,DNS:two.example,DNS:three.example,DNS:four.example,DNS:example.com,DNS:*.wild.example.com,IP:192.0.2.7,IP:2001:db8::7'
p256 renewed;   issue renewed int "/CN=renewed" "$LEAF" sha256 20260501000000Z 20260630000000Z
p256 expired;   issue expired int "/CN=expired" "$LEAF" sha256 20250101000000Z 20260101000000Z
p256 future;    issue future int "/CN=future" "$LEAF" sha256 20270101000000Z 20280101000000Z
p256 cnonly;    issue cnonly int "/CN=example.com" "${LEAF%%subjectAltName*}"
p256 client;    issue client int "/CN=client" "$(echo "$LEAF" | sed s/serverAuth/clientAuth/)"
p256 anyuse;    issue anyuse int "/CN=any" "$(echo "$LEAF" | sed s/serverAuth/serverAuth,anyExtendedKeyUsage/)"
p256 noeku;     issue noeku int "/CN=noeku" "$(echo "$LEAF" | grep -v extendedKeyUsage)"
p256 signer;    issue signer int "/CN=signer" "$(echo "$LEAF" | sed s/digitalSignature/digitalSignature,keyCertSign/)"
p256 nodigsig;  issue nodigsig int "/CN=nodigsig" "$(echo "$LEAF" | sed s/digitalSignature/keyAgreement/)"
p256 isca;      issue isca int "/CN=isca" "$LEAF
basicConstraints=critical,CA:TRUE"
p256 unknown;   issue unknown int "/CN=unknown" "$LEAF
1.2.3.4.5=critical,ASN1:NULL"
p256 sha1;      issue sha1 int "/CN=sha1" "$LEAF" sha1
p256 revoked;   issue revoked int "/CN=revoked" "$LEAF"
p256 byleaf;    issue byleaf good "/CN=byleaf" "$LEAF"
p256 byunder;   issue byunder under "/CN=byunder" "$LEAF"
p256 bynosign;  issue bynosign nosign "/CN=bynosign" "$LEAF"
p256 bymail;    issue bymail mail "/CN=bymail" "$LEAF"
p256 byweak;    issue byweak weak "/CN=byweak" "$LEAF"
p256 inside;    issue inside limited "/CN=inside" "$LEAF"
p256 outside;   issue outside limited "/CN=outside" "$(echo "$LEAF" | sed s/DNS:example.com/DNS:example.org/)"
p256 excluded;  issue excluded limited "/CN=excluded" "$(echo "$LEAF" | sed s/DNS:example.com/DNS:www.bad.example.com/)"
p256 outsideip; issue outsideip limited "/CN=outsideip" "$(echo "$LEAF" | sed s/DNS:example.com/IP:198.51.100.1/)"
p256 direct;    issue direct root "/CN=direct" "$LEAF"
key rsa1024 RSA rsa_keygen_bits:1024;  issue rsa1024 int "/CN=rsa1024" "$LEAF"
key rsa RSA rsa_keygen_bits:2048;      issue rsa int "/CN=rsa" "$LEAF"
key ed ED25519;                        issue ed int "/CN=ed25519" "$LEAF"
key p384 EC ec_paramgen_curve:P-384;   issue p384 int "/CN=p384" "$LEAF" sha384
key p521 EC ec_paramgen_curve:P-521;   issue p521 int "/CN=p521" "$LEAF"
p256 self;      issue self self "/CN=self" "$LEAF"
p256 selfca;    issue selfca selfca "/CN=selfca" "basicConstraints=critical,CA:TRUE
subjectAltName=DNS:example.com"

# Every kind of signature in one path: RSA-4096 signs P-384 signs RSA-3072, with PSS, signs Ed25519.
key mixroot RSA rsa_keygen_bits:4096; issue mixroot mixroot "/CN=Mixed Root" "$CA" sha512
key mixa EC ec_paramgen_curve:P-384;  issue mixa mixroot "/CN=Mixed A" "$CA" sha384
key mixb RSA rsa_keygen_bits:3072;    issue mixb mixa "/CN=Mixed B" "$CA" sha384
key mixleaf ED25519;                  issue mixleaf mixb "/CN=mixed" "$LEAF" sha384

# Revocation lists of int, one that is due only in 2036 and one that was due in May 2026, and one by another key of the same name.
crl() { # name issuer key updates-from until
    openssl ca -batch -config ca.conf -name default -cert "$2.pem" -keyfile "$3.key" -gencrl -crl_lastupdate "$4" \
        -crl_nextupdate "$5" -md sha256 -crlexts list -out "$1.pem" 2>/dev/null
    openssl crl -in "$1.pem" -outform DER -out "$OUT/$1.crl"
}
cat >> ca.conf <<CONF
[list]
authorityKeyIdentifier=keyid
CONF
echo 01 > crlnumber
sed -i '/^\[default\]/a crlnumber = crlnumber' ca.conf
sed -i 's/^database = .*/database = list.db/' ca.conf
serial=$(openssl x509 -in revoked.pem -noout -serial | cut -d= -f2)
printf 'R\t360101000000Z\t260201000000Z\t%s\tunknown\t/CN=revoked\n' "$serial" > list.db
crl fresh int int "$FROM" "$TO"
crl overdue int int "$FROM" 20260501000000Z
crl forged twin twin "$FROM" "$TO"

# Two roots with a note in one text.
{ echo "Two roots of ours."; cat root.pem; echo; cat mixroot.pem; } > "$OUT/../roots.pem"
# Hashes for pins, and a handshake signed by some of the keys: sha256 of what stands in handshake.bin.
pin() { openssl x509 -in "$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1; }
{
    echo "// Made by make.sh: SHA-256 of public keys and certificates, checked with OpenSSL."
    for name in root int good self selfca; do
        echo "pub const SPKI_$(echo $name | tr a-z A-Z): &str = \"$(pin $name)\";"
    done
    echo "pub const CERTIFICATE_GOOD: &str = \"$(openssl dgst -sha256 -r "$OUT/good.der" | cut -d' ' -f1)\";"
} > "$OUT/../pins.rs"
# Handshake signatures over 64 spaces, the context of RFC 8446 section 4.4.3 and a hash of 32 (or 48) bytes of 0x5a.
content() { # role octets-of-hash
    printf '%64s' ''; printf 'TLS 1.3, %s CertificateVerify\0' "$1"; head -c "$2" /dev/zero | tr '\0' 'Z'
}
content server 32 > server32
content server 48 > server48
content client 32 > client32
sign() { # name key content options
    name=$1 key=$2 content=$3; shift 3
    openssl pkeyutl -sign -rawin -inkey "$key.key" -in "$content" -out "$OUT/$name.sig" "$@"
}
PSS="-pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest"
sign p256 good server32 -digest sha256
sign p256-client good client32 -digest sha256
sign p384 p384 server48 -digest sha384
sign ed25519 ed server32
# shellcheck disable=SC2086
{
    sign pss256 rsa server32 -digest sha256 $PSS
    sign pss384 rsa server48 -digest sha384 $PSS
    sign pss512 rsa server32 -digest sha512 $PSS
}
sign pkcs1 rsa server32 -digest sha256
