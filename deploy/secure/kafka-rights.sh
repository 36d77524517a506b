#!/usr/bin/env bash
# The accounts of the services with the passwords in /run/secrets, their topics and their rights. Repeatable: a changed password replaces the old one.
set -euo pipefail
: "${KAFKA_HOME:?KAFKA_HOME is missing: the folder of a Kafka distribution}"
bootstrap=kafka:9092
admin=/run/secrets/kafka-admin.properties

umask 077
for service in api worker; do
  # By a file, so that the password does not stand in the arguments of a process.
  printf 'SCRAM-SHA-512=password=%s\n' "$(< "/run/secrets/kafka-$service")" > "/tmp/$service"
  "$KAFKA_HOME/bin/kafka-configs.sh" --bootstrap-server "$bootstrap" --command-config "$admin" \
    --alter --entity-type users --entity-name "product-cache-$service" --add-config-file "/tmp/$service"
  rm "/tmp/$service"
done

/rights/kafka-topics.sh "$bootstrap" "$admin"
/rights/kafka-acls.sh "$bootstrap" "$admin"
