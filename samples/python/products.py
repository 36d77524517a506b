#!/usr/bin/env python3
"""Requests products, or prints changes, with nothing but JSON over Kafka.

  products.py request 42 43    asks ProductCache to read these products into its cache
  products.py changes          prints each change until it is stopped

KAFKA_BOOTSTRAP is host:port of a broker. Debian: apt-get install python3-confluent-kafka; elsewhere: pip install confluent-kafka.
"""

import json
import os
import sys

from confluent_kafka import Consumer, Producer

BOOTSTRAP = os.environ.get("KAFKA_BOOTSTRAP", "localhost:9092")


def request(ids):
    # The partitioner of Java clients and of the rider: all requests for a product are in one partition.
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "partitioner": "murmur2_random", "enable.idempotence": True})
    for product in ids:
        producer.produce("product-requests", key=product, value=json.dumps({"productId": int(product)}))
    if producer.flush(30) > 0:
        sys.exit("Kafka did not acknowledge all requests within 30 s.")
    print(f"Requested {len(ids)} products.")


def changes():
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP,
        "group.id": os.environ.get("GROUP", "python-sample"),
        "auto.offset.reset": "earliest",
    })
    consumer.subscribe(["product-changes"])
    while True:
        record = consumer.poll(1.0)
        if record is None:
            continue
        if record.error():
            print(record.error(), file=sys.stderr)
            continue
        try:
            change = json.loads(record.value())
            line = f"Product {change['productId']}: {change['kind']}, version {change['version']}"
        except (ValueError, KeyError, TypeError) as fault:
            # One record that is not a change does not hold back the others.
            print(f"Partition {record.partition()}, offset {record.offset()} cannot be read: {fault!r}", file=sys.stderr)
            continue
        print(line, flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["request", *ids] if ids and all(one.isdigit() for one in ids):
            request(ids)
        case ["changes"]:
            changes()
        case _:
            sys.exit(__doc__)
