"""A data warehouse's copy of the rows that an agreement delivers to your organisation's own topic, in one SQLite table.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python warehouse.py --kafka 127.0.0.1:9092 --registry http://127.0.0.1:8081/apis/ccompat/v7 \\
        --topic view.rough_sleeping_risk.GSS-E09000007 --database rows.sqlite

What a copy owes the people it is about: a row is gone here when its tombstone has come, or when its `keep_until` is over; and a copy that
stood still for so long that tombstones may be gone begins anew. Rows and places are written in one transaction, so a killed copy goes on
where it was. Nothing printed says who anybody is.
"""

import argparse
import collections
import datetime
import io
import json
import sqlite3
import sys
import urllib.request

import fastavro
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

TOMBSTONES_STAND = datetime.timedelta(days=30)  # of the topic; a day is left for what is slow
DEADLINE_S = 10
BATCH = 500
FORM = """
CREATE TABLE IF NOT EXISTS rows (person BLOB PRIMARY KEY, keep_until TEXT, row TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places (part INTEGER PRIMARY KEY, next INTEGER NOT NULL, read_at TEXT NOT NULL);
"""


class Schemas:
    """Schemas by the id that stands before each value."""

    def __init__(self, registry):
        self.registry = registry.rstrip("/")
        self.known = {}

    def get(self, number):
        if number not in self.known:
            address = f"{self.registry}/schemas/ids/{number}"
            with urllib.request.urlopen(address, timeout=DEADLINE_S) as answer:
                self.known[number] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
        return self.known[number]

    def read(self, value):
        """A value: a zero byte, four bytes of the schema's id, the record."""
        if len(value) < 5 or value[0] != 0:
            sys.exit("a value is not framed as a schema's id and a record; is this a topic of rows?")
        schema = self.get(int.from_bytes(value[1:5], "big"))
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), schema)


class Copy:
    """The table, and how far the topic is in it."""

    def __init__(self, file):
        self.base = sqlite3.connect(file)
        self.base.execute("PRAGMA secure_delete = ON")  # what is deleted does not stay in the file
        self.base.executescript(FORM)

    def places(self, now):
        """Where each partition goes on; nowhere, after a pause in which tombstones may have gone."""
        found = self.base.execute("SELECT part, next, read_at FROM places").fetchall()
        late = now - TOMBSTONES_STAND + datetime.timedelta(days=1)
        if any(datetime.datetime.fromisoformat(read_at) < late for _, _, read_at in found):
            print("the copy stood still for too long: it begins anew")
            with self.base:
                self.base.execute("DELETE FROM rows")
                self.base.execute("DELETE FROM places")
            return {}
        return {part: following for part, following, _ in found}

    def write(self, messages, schemas, places, now):
        """Rows and places of one batch; how many were set, and how many left by which reason."""
        written = collections.Counter()
        with self.base:
            for message in messages:
                if message.value() is None:
                    self.base.execute("DELETE FROM rows WHERE person = ?", (message.key(),))
                    why = dict(message.headers() or []).get("wb_left", b"").decode()
                    written["left: " + (why or "no reason given")] += 1
                else:
                    row = schemas.read(message.value())
                    until = row["keep_until"] and row["keep_until"].isoformat()
                    text = json.dumps(row, default=str)
                    self.base.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", (message.key(), until, text))
                    written["set"] += 1
            over = self.base.execute("DELETE FROM rows WHERE keep_until < ?", (now.date().isoformat(),))
            written["over: keep_until"] += over.rowcount
            for part, following in places.items():
                self.base.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (part, following, now.isoformat()))
        return +written

    def count(self):
        return self.base.execute("SELECT count(*) FROM rows").fetchone()[0]


def reader(arguments):
    settings = {
        "bootstrap.servers": arguments.kafka,
        "group.id": arguments.group,
        "isolation.level": "read_committed",  # a row is there with the record of its disclosure, or not at all
        "enable.auto.commit": False,  # places stand beside the rows
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
    }
    settings.update(pair.split("=", 1) for pair in arguments.property)
    return Consumer(settings)


def follow(arguments):
    copy, schemas, consumer = Copy(arguments.database), Schemas(arguments.registry), reader(arguments)
    now = datetime.datetime.now(datetime.timezone.utc)
    topic = consumer.list_topics(arguments.topic, timeout=DEADLINE_S).topics[arguments.topic]
    if topic.error:
        sys.exit(f"{arguments.topic}: {topic.error.str()}; has an agreement that delivers it delivered a row yet?")
    places = dict.fromkeys(topic.partitions, 0) | copy.places(now)
    consumer.assign([TopicPartition(arguments.topic, part, following) for part, following in places.items()])
    behind = set(places)
    while behind or not arguments.until_end:
        messages = []
        for message in consumer.consume(BATCH, timeout=1.0):
            if not message.error():
                behind.add(message.partition())
                places[message.partition()] = message.offset() + 1
                messages.append(message)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                behind.discard(message.partition())
            else:
                raise KafkaException(message.error())
        now = datetime.datetime.now(datetime.timezone.utc)
        written = copy.write(messages, schemas, places, now)
        if written:
            told = ", ".join(f"{count} {what}" for what, count in sorted(written.items()))
            print(f"{told}; {copy.count()} rows stand", flush=True)
    consumer.close()
    print(f"at the end: {copy.count()} rows stand")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kafka", required=True, help="bootstrap servers")
    parser.add_argument("--registry", required=True, help="the whole base address of the Confluent-compatible API")
    parser.add_argument("--topic", required=True, help="view.<view>.<organisation>, with its namespace if there is one")
    parser.add_argument("--group", default="warehouse", help="a consumer group of your own")
    parser.add_argument("--database", required=True, help="the SQLite file")
    parser.add_argument("--property", action="append", default=[], metavar="KEY=VALUE", help="of librdkafka: TLS, SASL")
    parser.add_argument("--until-end", action="store_true", help="stop when everything there is has been read")
    arguments = parser.parse_args()
    try:
        follow(arguments)
    except KafkaException as fault:
        sys.exit(f"{arguments.topic}: {fault.args[0].str()}; what is in {arguments.database} stands, and a later start goes on there")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
