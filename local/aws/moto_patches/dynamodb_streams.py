"""DynamoDB Streams: one record per change, none for a write that changes nothing.

moto writes a record for every write, two for an upsert, and records for
cancelled transactions, and it cannot disable a stream. The gateway serializes the
requests.
"""

import contextlib
import copy
import json
import time
import uuid

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import StreamShard, Table
from moto.dynamodbstreams.models import DynamoDBStreamsBackend
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler

from .dynamodb_values import image, wire


class Iterator:
    """A position in a shard. Its name contains the position, so that no state is kept."""

    def __init__(self, stream_arn, position):
        self.arn = f"{stream_arn}|1|{position}"


def apply():
    """Replaces the recording of changes and the reading of shards."""
    moto_update = DynamoDBBackend.update_item
    moto_specify = Table.set_stream_specification

    def add(self, old, new):
        if not self.table.stream_specification.get("StreamEnabled"):
            return
        before, after = (None if item is None else image(item) for item in (old, new))
        if before == after:
            return
        sequence = self.starting_sequence_number + len(self.items)
        self.items.append(record(self.table, sequence, old, new, before, after))

    def update_item(self, table_name, key, *args, **kwargs):
        # moto first puts an item that does not exist, and then updates it.
        table = self.get_table(table_name)
        before = copy.deepcopy(self.get_item(table_name, key))
        with unrecorded([table]):
            item = moto_update(self, table_name, key, *args, **kwargs)
        if table.stream_shard is not None:
            table.stream_shard.add(before, item)
        return item

    def set_stream_specification(self, streams):
        moto_specify(self, streams)
        if not self.stream_specification["StreamEnabled"]:
            # The records stay readable; a stream that is enabled again has another label.
            self.latest_stream_label = None

    StreamShard.add = add
    DynamoDBBackend.update_item = update_item
    Table.set_stream_specification = set_stream_specification
    DynamoDBStreamsBackend.get_shard_iterator = get_shard_iterator
    DynamoDBStreamsHandler.get_records = get_records


@contextlib.contextmanager
def unrecorded(tables):
    """Writes to the tables within the block are not recorded in their streams."""
    shards = [(table, table.stream_shard) for table in tables]
    for table in tables:
        table.stream_shard = None
    try:
        yield
    finally:
        for table, shard in shards:
            table.stream_shard = shard


def get_shard_iterator(backend, arn, shard_id, shard_iterator_type, sequence_number=None):
    """Replaces moto's function, which stores every iterator that it returned."""
    shard = backend._get_table_from_arn(arn).stream_shard
    position = {
        "TRIM_HORIZON": 0,
        "LATEST": len(shard.items),
        "AT_SEQUENCE_NUMBER": (sequence_number or 0) - shard.starting_sequence_number,
        "AFTER_SEQUENCE_NUMBER": (sequence_number or 0) - shard.starting_sequence_number + 1,
    }[shard_iterator_type]
    return Iterator(arn, max(position, 0))


def get_records(handler):
    """Returns the records from an iterator on, and the iterator after them.

    The records are encoded without moto's serializer, which takes milliseconds for each.
    """
    arn, _, position = handler._get_param("ShardIterator").split("|")
    first, limit = int(position), handler._get_param("Limit") or 1000
    records = handler.backend._get_table_from_arn(arn).stream_shard.items[first : first + limit]
    body = {"Records": records, "NextShardIterator": Iterator(arn, first + len(records)).arn}
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body)


def record(table, sequence, old, new, before, after):
    """A change as GetRecords returns it; before and after are the images of old and new."""
    item = new or old
    view = table.stream_specification["StreamViewType"]
    names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
    change = {
        "StreamViewType": view,
        "ApproximateCreationDateTime": int(time.time()),
        "SequenceNumber": str(sequence),
        "SizeBytes": sum(len(name.encode()) + item.attrs[name].size() for name in names),
        "Keys": {name: wire(item.attrs[name]) for name in names},
    }
    if after is not None and view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        change["NewImage"] = after
        change["SizeBytes"] += new.size()
    if before is not None and view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        change["OldImage"] = before
        change["SizeBytes"] += old.size()
    return {
        "eventID": uuid.uuid4().hex,
        "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "eventVersion": "1.0",
        "awsRegion": table.region_name,
        "dynamodb": change,
    }
