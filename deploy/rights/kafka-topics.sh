#!/usr/bin/env bash
# Creates the topics of ProductCache as the services would, for users that may not:
#
#   kafka-topics.sh kafka.example:9093 admin.properties [CACHE_NAMESPACE] [PARTITIONS] [REPLICATION]
#
# KAFKA_HOME is the folder of a Kafka distribution. Topics that exist are left as they are.
set -euo pipefail

if (($# < 2 || $# > 5)); then
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi

: "${KAFKA_HOME:?KAFKA_HOME is missing: the folder of a Kafka distribution}"
bootstrap="$1"
properties="$2"
prefix=""
[[ -n "${3:-}" ]] && prefix="$3."
size=(--partitions "${4:-8}")
[[ -n "${5:-}" ]] && size+=(--replication-factor "$5")

create() {
  "$KAFKA_HOME/bin/kafka-topics.sh" --bootstrap-server "$bootstrap" --command-config "$properties" --create --if-not-exists "${size[@]}" --topic "$@" > /dev/null
}

create "${prefix}product-requests"
create "${prefix}product-requests.dead-letter"
create "${prefix}product-changes.dead-letter"

# Changes are kept for as long as a slow consumer may need them. After a day, the last change of a product is enough.
create "${prefix}product-changes" --config cleanup.policy=compact,delete --config min.compaction.lag.ms=86400000 --config retention.ms=604800000
