#!/usr/bin/env bash
# Prints the users of Redis for ProductCache, for an ACL file (aclfile in redis.conf, then ACL LOAD):
#
#   redis-acl.sh API_PASSWORD_FILE WORKER_PASSWORD_FILE [CACHE_NAMESPACE]
#
# A user may touch the keys and the channel of its namespace only. Redis stores hashes of the passwords. The default user is not mentioned:
# turn it off with "user default off", or give it a password.
set -euo pipefail

if (($# < 2 || $# > 3)); then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi

prefix=""
[[ -n "${3:-}" ]] && prefix="$3:"

hash_of() {
  [[ -r "$1" ]] || { echo "Cannot read the password file $1." >&2; exit 1; }
  printf '%s' "$(< "$1")" | sha256sum | cut -d ' ' -f 1
}

api="$(hash_of "$1")"
worker="$(hash_of "$2")"

keys="~${prefix}product:{*} ~${prefix}lease:{*} ~${prefix}product-cache:*"
channel="&${prefix}product-cache:notifications*"

# What the client library sends when it connects, the scripts, and what the scripts call. EVALSHA runs a script that SCRIPT LOAD has loaded.
connection="+auth +hello +ping +echo +select +info +client|setname +client|id +client|getname +cluster|nodes +cluster|slots +readonly +role"
scripts="+evalsha +eval +script|load +script|exists"
steps="+del +unlink +hget +hmget +hgetall +hset +hdel +hincrby +pexpire +pttl +time +type +publish"

echo "user product-cache-api on #$api resetkeys resetchannels -@all $keys $channel $connection $scripts $steps +subscribe +unsubscribe"
echo "user product-cache-worker on #$worker resetkeys resetchannels -@all $keys $channel $connection $scripts $steps +scan"
