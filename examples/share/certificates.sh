#!/bin/sh
# sh certificates.sh FOLDER BROKER[,NAME|ADDRESS]... HOST...
# Makes in FOLDER an authority (ca.pem, ca.key), and a certificate and a key for the broker, for the
# admin and for each host: NAME.pem and NAME.key. What is there already stays: a host is added by
# the same command with its name. Keep ca.key: who has it makes hosts.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 FOLDER BROKER[,NAME|ADDRESS]... HOST..." >&2; exit 2; }
umask 077
mkdir -p "$1"
cd "$1"
broker=$2
shift 2
days=${DAYS:-3650}

key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

if [ ! -e ca.pem ]; then
    key ca.key
    openssl req -x509 -new -key ca.key -subj '/CN=pipeban fleet' -days "$days" -out ca.pem \
        -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
fi

# certificate NAME USE [EXTENSION]
certificate() {
    case $1 in *[!A-Za-z0-9._-]* | -* | '')
        echo "$0: not a name of letters, digits, '.', '_' and '-': $1" >&2
        exit 2
        ;;
    esac
    [ ! -e "$1.pem" ] || return 0
    key "$1.key"
    { printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=%s\n%s\n' "$2" "${3:-}"; } >"$1.ext"
    openssl req -new -key "$1.key" -subj "/CN=$1" |
        openssl x509 -req -CA ca.pem -CAkey ca.key -days "$days" -extfile "$1.ext" \
            -set_serial "0x$(openssl rand -hex 16)" -out "$1.pem" 2>/dev/null
    rm "$1.ext"
    chmod 644 "$1.pem"
}

names=$(echo "$broker" | tr , '\n' | sed '/^[0-9.]*$/s/^/IP:/; /:.*:/s/^/IP:/; /^IP:/!s/^/DNS:/' | paste -sd,)
certificate broker serverAuth "subjectAltName=$names"
certificate admin clientAuth
for host; do
    certificate "$host" clientAuth
done
chmod 644 ca.pem
