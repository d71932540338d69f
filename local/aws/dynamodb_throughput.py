"""DynamoDB: the throughput of on-demand tables and of partitions, when a test sets it.

moto serves any number of requests. With limits, each table, each value of a
partition key, and each index and value of its partition key has a token bucket of
read and of write units that holds one second's units. A request that finds a
bucket empty is throttled, as in AWS:

- A new on-demand table serves 4,000 writes and 12,000 reads per second, and later
  twice its previous peak. It throttles if the peak is more than doubled within 30
  minutes.
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
- A partition serves 1,000 write units and 3,000 read units per second.
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
- A write is throttled if an index cannot take it: back-pressure.
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/gsi-throttling.html
- Of a batch, the items that are throttled are returned as unprocessed; it is an
  error only if every item is. A transaction is cancelled as a whole.
  https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
  https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html

Differences: a partition is one value of the partition key, AWS may have several in
one and may split one by the sort key; there is no burst beyond one second. The
units of reads are known only after the read, which may leave a bucket with less
than nothing. A write to an index is counted if the written item has the keys of
the index, also if nothing changes in the index; of an update, the index keys are
those before it.
"""

import json
import math
import time
from dataclasses import dataclass

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.parsing.key_condition_expression import parse_expression

from moto_patches.dynamodb_values import parsed

WRITE_UNIT, READ_UNIT = 1024, 4096  # bytes
READS = {"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"}
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
OPERATIONS = READS | WRITES
MESSAGE = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or "
    "index so please try again shortly. If exceptions persist, check if you have a hot key: "
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
)


@dataclass
class Limits:
    """Units per second; 0 is no limit. grow_after: seconds after which a peak counts as previous."""

    table_writes: float = 0
    table_reads: float = 0
    partition_writes: float = 0
    partition_reads: float = 0
    grow_after: float = 1800


class Throttled(Exception):
    """A request exceeds the units of a table or partition."""

    def __init__(self, reason, resource):
        super().__init__(reason)
        self.reason, self.resource = reason, resource


class Bucket:
    """A token bucket that holds the units of one second."""

    def __init__(self, rate, now):
        self.rate, self.left, self.at = rate, rate, now

    def fill(self, now):
        self.left = min(self.rate, self.left + (now - self.at) * self.rate)
        self.at = now


class GrowingBucket(Bucket):
    """The bucket of an on-demand table: its rate is at least twice the previous peak."""

    def __init__(self, rate, now, grow_after):
        super().__init__(rate, now)
        self.grow_after = grow_after
        self.second, self.used, self.peaks = int(now), 0, []

    def fill(self, now):
        if int(now) != self.second:
            if self.used > self.rate / 2:
                self.peaks.append((self.second, self.used))
            self.second, self.used = int(now), 0
        while self.peaks and self.peaks[0][0] + self.grow_after <= now:
            self.rate = max(self.rate, 2 * self.peaks.pop(0)[1])
        super().fill(now)


class Throughput:
    """Admits requests of DynamoDB by the units that they use. The gateway serializes the requests."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self.limit(Limits())

    def limit(self, limits):
        """Sets the limits and forgets what was used before; Limits() removes them."""
        self._limits = limits
        self._buckets = {}
        self.throttled = {}  # reason and resource -> number of throttled items

    @property
    def limited(self):
        return self._limits != Limits()

    def handle(self, operation, account, region, body, serve):
        """Serves a request with serve(body) -> (status, body), unless it is throttled. Bodies are dicts."""
        backend = dynamodb_backends[account][region]
        try:
            if operation == "BatchWriteItem":
                return self._batch_write(backend, body, serve)
            if operation == "BatchGetItem":
                return self._batch_get(backend, body, serve)
            if operation == "TransactWriteItems":
                return self._transaction(backend, body, serve)
            if operation in WRITES:
                table = _table(backend, body["TableName"])
                if table is not None:
                    self._write(table, body, 1)
                return serve(body)
            return self._read(backend, operation, body, serve)
        except Throttled as error:
            return 400, {
                "__type": "com.amazon.coral.availability#ThrottlingException",
                "message": MESSAGE,
                "throttlingReasons": [{"reason": error.reason, "resource": error.resource}],
            }

    def _write(self, table, request, factor):
        """Takes the units of a Put, Update or Delete from the table, the partition and the indexes."""
        key_or_item = request.get("Item") or request["Key"]
        new = {name: DynamoType(parsed(value)) for name, value in key_or_item.items()}
        before = _stored(table, new)
        item = new if "Item" in request or before is None else before.attrs
        size = max(_size(new), 0 if before is None else _size(before.attrs))
        units = factor * max(1, math.ceil(size / WRITE_UNIT))
        wanted = self._wanted(table, None, "Write", _text(new.get(table.hash_key_attr)), units)
        for index in table.global_indexes:
            if all(name in item for name in index.schema_key_attrs):
                wanted += self._wanted(table, index.name, "Write", _text(item[index.schema_key_attrs[0]]), units)
        self._take(wanted)

    def _read(self, backend, operation, body, serve):
        parts = [part["Get"] for part in body["TransactItems"]] if operation == "TransactGetItems" else [body]
        index, wanted = body.get("IndexName"), []
        for part in parts:
            table = _table(backend, part["TableName"])
            if table is not None:
                wanted += self._wanted(table, index, "Read", _read_key(backend, table, index, part), 0)
        self._take(wanted)
        status, response = serve(body)
        if status == 200:
            units = _read_units(operation, body, response)
            for _, _, _, bucket in wanted:
                bucket.left -= units
                if isinstance(bucket, GrowingBucket):
                    bucket.used += units
        return status, response

    def _batch_write(self, backend, body, serve):
        """Serves the items that are not throttled; the others are returned as unprocessed."""
        served, unprocessed, last = {}, {}, None
        for name, requests in body["RequestItems"].items():
            table = _table(backend, name)
            for request in requests:
                try:
                    if table is not None:
                        self._write(table, request.get("PutRequest") or request["DeleteRequest"], 1)
                    served.setdefault(name, []).append(request)
                except Throttled as error:
                    unprocessed.setdefault(name, []).append(request)
                    last = error
        status, response = _serve_some(body, serve, served, last)
        if status == 200:
            for name, requests in unprocessed.items():
                response.setdefault("UnprocessedItems", {}).setdefault(name, []).extend(requests)
        return status, response

    def _batch_get(self, backend, body, serve):
        served, unprocessed, last = {}, {}, None
        for name, requests in body["RequestItems"].items():
            table = _table(backend, name)
            factor = 1 if requests.get("ConsistentRead") else 0.5
            for key in requests["Keys"]:
                try:
                    if table is not None:
                        attributes = {part: DynamoType(parsed(value)) for part, value in key.items()}
                        stored = _stored(table, attributes)
                        units = factor * max(1, math.ceil((0 if stored is None else _size(stored.attrs)) / READ_UNIT))
                        self._take(self._wanted(table, None, "Read", _text(attributes.get(table.hash_key_attr)), units))
                    served.setdefault(name, {**requests, "Keys": []})["Keys"].append(key)
                except Throttled as error:
                    unprocessed.setdefault(name, {**requests, "Keys": []})["Keys"].append(key)
                    last = error
        status, response = _serve_some(body, serve, served, last)
        if status == 200:
            for name, requests in unprocessed.items():
                response.setdefault("UnprocessedKeys", {}).setdefault(name, {**requests, "Keys": []})["Keys"].extend(requests["Keys"])
        return status, response

    def _transaction(self, backend, body, serve):
        """Takes twice the units of each part; cancels the transaction if one is throttled."""
        reasons, last = [], None
        for item in body["TransactItems"]:
            ((_, part),) = item.items()
            reasons.append({"Code": "None"})
            table = _table(backend, part["TableName"])
            try:
                if table is not None:
                    self._write(table, part, 2)
            except Throttled as error:
                last = error
                reasons[-1] = {"Code": "ThrottlingError", "Message": MESSAGE}
        if last is None:
            return serve(body)
        codes = ", ".join(reason["Code"] for reason in reasons)
        return 400, {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
            "CancellationReasons": reasons,
        }

    def _wanted(self, table, index, direction, key, units):
        """The buckets that a request takes units from, each with the reason for throttling."""
        limits, now = self._limits, self._clock()
        reads = direction == "Read"
        resource = table.table_arn + (f"/index/{index}" if index else "")
        kind = "Index" if index else "Table"
        wanted = []
        rate = limits.table_reads if reads else limits.table_writes
        if rate:
            bucket = self._buckets.get((resource, direction))
            if bucket is None:
                bucket = self._buckets[resource, direction] = GrowingBucket(rate, now, limits.grow_after)
            wanted.append((f"{kind}{direction}AccountLimitExceeded", resource, units, bucket))
        rate = limits.partition_reads if reads else limits.partition_writes
        if rate and key is not None:
            bucket = self._buckets.get((resource, direction, key))
            if bucket is None:
                bucket = self._buckets[resource, direction, key] = Bucket(rate, now)
            wanted.append((f"{kind}{direction}KeyRangeThroughputExceeded", resource, units, bucket))
        for _, _, _, bucket in wanted:
            bucket.fill(now)
        return wanted

    def _take(self, wanted):
        """Takes units from every bucket, or from none of them if one has too few.

        An item that needs more units than a second has is served by a full bucket,
        which then has less than nothing.
        """
        for reason, resource, units, bucket in wanted:
            if bucket.left < min(max(units, 0.5), bucket.rate):
                self.throttled[reason, resource] = self.throttled.get((reason, resource), 0) + 1
                raise Throttled(reason, resource)
        for _, _, units, bucket in wanted:
            bucket.left -= units
            if isinstance(bucket, GrowingBucket):
                bucket.used += units


def _serve_some(body, serve, served, last):
    """Serves the part of a batch that is not throttled; last is an error of the others, which is raised if they are all."""
    if last is not None and not served:
        raise last
    return serve({**body, "RequestItems": served})


def _table(backend, name):
    return backend.tables.get(name.rpartition("/")[2])


def _text(value):
    return None if value is None else str(value.value)


def _size(attributes):
    return sum(len(name.encode()) + value.size() for name, value in attributes.items())


def _stored(table, key):
    """The stored item with the keys of an item, or None."""
    if table.hash_key_attr not in key:
        return None
    found = table.items.get(key[table.hash_key_attr])
    if not table.has_range_key or found is None:
        return found
    return found.get(key.get(table.range_key_attr))


def _read_key(backend, table, index, request):
    """The value of the partition key that a read names; None for a scan."""
    if "Key" in request:
        value = request["Key"].get(table.hash_key_attr)
        return None if value is None else str(next(iter(parsed(value).values())))
    if "KeyConditionExpression" not in request:
        return None
    conditions, _, _ = parse_expression(
        request["KeyConditionExpression"],
        request.get("ExpressionAttributeValues", {}),
        request.get("ExpressionAttributeNames", {}),
        backend.get_schema(table.name, index),
    )
    return next((str(next(iter(value.values()))) for _, value in conditions), None)


def _read_units(operation, body, response):
    """The units of a read, by the size of what it returned and by the number of items that a filter removed."""
    items = response.get("Items") or [part.get("Item") for part in response.get("Responses", [])] or [response.get("Item")]
    sizes = [sum(len(name.encode()) + DynamoType(parsed(value)).size() for name, value in item.items()) for item in items if item]
    size = sum(sizes)
    if operation in ("Query", "Scan"):
        scanned = response.get("ScannedCount", len(sizes))
        if sizes and scanned > len(sizes):
            size = size * scanned / len(sizes)
    units = max(1, math.ceil(size / READ_UNIT))
    if operation == "TransactGetItems":
        return 2 * units
    return units if body.get("ConsistentRead") else units / 2
