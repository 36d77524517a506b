#!/usr/bin/env bash
# Grants the users of ProductCache what they need in Kafka. Run it as a user that may change ACLs, before the first start:
#
#   kafka-acls.sh kafka.example:9093 admin.properties [CACHE_NAMESPACE] [API_USER] [WORKER_USER]
#
# KAFKA_HOME is the folder of a Kafka distribution. Neither user may create topics: kafka-topics.sh does that once. (Then set
# KAFKA_CREATE_TOPICS=false, so that the services do not try.)
set -euo pipefail

if (($# < 2 || $# > 5)); then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi

: "${KAFKA_HOME:?KAFKA_HOME is missing: the folder of a Kafka distribution}"
bootstrap="$1"
properties="$2"
prefix=""
[[ -n "${3:-}" ]] && prefix="$3."
api="User:${4:-product-cache-api}"
worker="User:${5:-product-cache-worker}"

acls() {
  "$KAFKA_HOME/bin/kafka-acls.sh" --bootstrap-server "$bootstrap" --command-config "$properties" --add "$@" > /dev/null
}

requests="${prefix}product-requests"
changes="${prefix}product-changes"
group="${prefix}product-cache-worker"

# Whoever may write may describe, and gets the id of an idempotent producer.
acls --allow-principal "$api" --operation Write --topic "$requests"
acls --allow-principal "$worker" --operation Read --topic "$requests" --topic "$changes"
acls --allow-principal "$worker" --operation Write --topic "$changes" --topic "$requests.dead-letter" --topic "$changes.dead-letter"
acls --allow-principal "$worker" --operation Read --group "$group"

# The groups that purge changes from caches in front, one for each.
acls --allow-principal "$worker" --operation Read --resource-pattern-type prefixed --group "$group-purge-"
