#!/usr/bin/env bash
# Sourced by the scripts that make certificates.

ca() { # ca NAME COMMON_NAME [ALGORITHM OPTION]
  openssl genpkey -quiet -algorithm "${3:-EC}" -pkeyopt "${4:-ec_paramgen_curve:P-384}" -out "$1.key"
  openssl req -x509 -new -key "$1.key" -sha384 -days 3650 -subj "/CN=$2" -out "$1.pem" \
    -addext "keyUsage=critical,keyCertSign,cRLSign"
}

between() { # between NAME CA COMMON_NAME ALGORITHM OPTION: an authority below another
  printf '%s\n' "basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign" "subjectKeyIdentifier=hash" \
    "authorityKeyIdentifier=keyid" >"$1.ext"
  openssl genpkey -quiet -algorithm "$4" -pkeyopt "$5" -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$3" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -sha384 -days 3650 \
    -out "$1.pem" -extfile "$1.ext"
}

leaf() { # leaf NAME CA EXTENSIONS ALGORITHM [OPTION]; valid for $days
  openssl genpkey -quiet -algorithm "$4" ${5:+-pkeyopt "$5"} -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -sha384 -days "${days:-30}" \
    -out "$1.pem" -extfile "$3.ext"
}
