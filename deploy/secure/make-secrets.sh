#!/usr/bin/env bash
# Makes what docker-compose.secure.yml needs, in ca and secrets beside this script: a private CA, certificates of the servers and of the Api,
# passwords, the users of Redis, an API key; and .env from .env.example if there is none.
#
#   make-secrets.sh [--api-host NAME]…                           NAME: a name or address by which clients reach the Api, beside localhost
#   make-secrets.sh --renew-certificates [--api-host NAME]…      new certificates of the same CA, and nothing else
#
# Restart postgres, redis, kafka and api after a renewal. Nothing else needs ca/ca.key: keep it elsewhere until then. Containers run as several
# users, so the files that they see are readable by all; the folder is not.
set -euo pipefail

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
fail() { echo "$1" >&2; exit "${2:-1}"; }

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
renew=""
hosts=""
while (($#)); do
  case "$1" in
    --renew-certificates) renew=1; shift ;;
    --api-host)
      [[ "${2:-}" =~ ^[A-Za-z0-9*][A-Za-z0-9.:-]*$ ]] || fail "--api-host needs a host name or an IP address, not '${2:-}'." 2
      if [[ "$2" =~ ^[0-9.]+$ || "$2" == *:* ]]; then hosts+=",IP:$2"; else hosts+=",DNS:$2"; fi
      shift 2 ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
done
command -v openssl > /dev/null || fail "openssl is missing: install it first."

ca="$here/ca"
secrets="$here/secrets"
if [[ -n "$renew" ]]; then
  [[ -r "$ca/ca.key" && -d "$secrets" ]] || fail "There is nothing to renew: $ca/ca.key or $secrets is missing."
elif [[ -e "$ca" || -e "$secrets" ]]; then
  fail "$ca or $secrets exists. --renew-certificates makes new certificates. For new passwords remove both folders, and with them the volumes that know the old ones."
fi

umask 077
new="$(mktemp -d "$here/new-XXXXXX")"
trap 'rm -rf "$new"' EXIT
mkdir "$new/secrets"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2> /dev/null; }
password() { openssl rand -hex 24; }
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

authority() {
  mkdir "$ca"
  key "$ca/ca.key"
  openssl req -x509 -new -key "$ca/ca.key" -sha256 -days 3650 -subj "/CN=ProductCache private CA" -out "$ca/ca.crt" -config <(cat <<'CONF'
[req]
distinguished_name = name
x509_extensions = ca
[name]
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
CONF
  )
  chmod 644 "$ca/ca.crt"
}

certificate() { # certificate NAME SUBJECT_ALTERNATIVE_NAMES
  key "$new/secrets/$1.key"
  openssl req -new -key "$new/secrets/$1.key" -subj "/CN=$1" -out "$new/$1.csr" -config <(printf '[req]\ndistinguished_name = name\n[name]\n')
  openssl x509 -req -in "$new/$1.csr" -sha256 -days 825 -CA "$ca/ca.crt" -CAkey "$ca/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
    -out "$new/secrets/$1.crt" -extfile <(cat <<CONF
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $2
CONF
    ) 2> /dev/null
}

certificates() {
  local names server
  for server in postgres redis kafka; do
    certificate "$server" "DNS:$server,DNS:localhost,IP:127.0.0.1"
  done
  # Kafka takes key and certificate from one file.
  cat "$new/secrets/kafka.key" "$new/secrets/kafka.crt" > "$new/secrets/kafka.pem"
  rm "$new/secrets/kafka.key" "$new/secrets/kafka.crt"

  names="DNS:api,DNS:localhost,IP:127.0.0.1$hosts"
  if [[ -n "$renew" && -z "$hosts" ]]; then
    names="$(openssl x509 -in "$secrets/api.crt" -noout -ext subjectAltName | sed -n '2{s/IP Address:/IP:/g;s/ //gp}')"
  fi
  certificate api "$names"
}

accounts() {
  local broker admin name text salt="$new/salt"
  for name in db-migrator db-worker db-api redis-admin redis-health redis-worker redis-api kafka-worker kafka-api; do
    password > "$name"
  done

  {
    echo "user default off resetpass resetkeys resetchannels -@all"
    echo "user admin on #$(hash_of redis-admin) ~* &* +@all"
    echo "user product-cache-health on #$(hash_of redis-health) resetkeys resetchannels -@all +ping"
    "$here/../rights/redis-acl.sh" redis-api redis-worker
  } > redis.acl

  broker="$(password)"
  admin="$(password)"
  cat > kafka-server.jaas <<CONF
KafkaServer {
  org.apache.kafka.common.security.plain.PlainLoginModule required
    username="broker" password="$broker" user_broker="$broker" user_admin="$admin";
  org.apache.kafka.common.security.scram.ScramLoginModule required;
};
CONF
  cat > kafka-admin.properties <<CONF
security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location=/run/secrets/ca.crt
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="$admin";
CONF

  # As the command "key" of the Api makes them.
  text="pc_admin_$(openssl rand 32 | base64url)"
  openssl rand 16 > "$salt"
  echo "$text" > api-key
  cat > api-keys <<CONF
# One line for each key. "docker compose … run --rm --no-deps api key NAME SCOPES" makes one. The Api notices what is appended.
admin products:read,products:write,cache:admin sha256:$(base64url < "$salt"):$({ cat "$salt"; printf '%s' "$text"; } | openssl dgst -sha256 -binary | base64url)
CONF
}

hash_of() { printf '%s' "$(< "$1")" | openssl dgst -sha256 -r | cut -d ' ' -f 1; }

if [[ -n "$renew" ]]; then
  certificates
  chmod 644 "$new/secrets/"*
  mv -f "$new/secrets/"* "$secrets/"
  echo "There are new certificates. Restart postgres, redis, kafka and api, so that they use them."
  exit
fi

ca="$new/ca"
authority
certificates
(cd "$new/secrets" && accounts)
chmod 644 "$new/secrets/"*
# No container sees these.
chmod 600 "$new/secrets/api-key" "$new/secrets/redis-admin"
mv "$new/secrets" "$secrets"
mv "$ca" "$here/ca"
echo "Secrets are in $secrets, the CA is in $here/ca. $secrets/api-key is an API key with all scopes."

environment="$here/../.env"
if [[ ! -e "$environment" ]]; then
  # The password is that of docker-compose.yml alone, where it must not be empty.
  sed -e "s/^DB_PASSWORD=.*/DB_PASSWORD=$(password)/" -e 's/^#API_HOST_PORT=.*/API_HOST_PORT=8000-8001/' "$here/../.env.example" > "$environment"
  echo "Made deploy/.env for up to two Apis, on ports 8000 and 8001."
fi
