"""DynamoDB Streams: one record for each change, none for a write that changes nothing.

moto records every write, an upsert twice, a refused transaction too, and cannot
switch a stream off. Callers are serialized by the gateway.
"""

import contextlib
import copy

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import StreamRecord, StreamShard, Table
from moto.dynamodbstreams.models import DynamoDBStreamsBackend


class Iterator:
    """A place in a shard. It is all in its name, so that nothing has to be kept."""

    def __init__(self, stream_arn, position):
        self.arn = f"{stream_arn}|1|{position}"


def apply():
    """Replaces the recording of changes and the reading of shards."""
    moto_init = StreamRecord.__init__
    moto_update = DynamoDBBackend.update_item
    moto_specify = Table.set_stream_specification

    def __init__(self, table, stream_type, event_name, old, new, seq):
        moto_init(self, table, stream_type, event_name, old, new, seq)
        change = self.record["dynamodb"]
        # To the second, and the size that the items themselves have.
        change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].replace(microsecond=0)
        images = [item for name, item in (("OldImage", old), ("NewImage", new)) if name in change]
        change["SizeBytes"] = sum(item.size() for item in images) + _key_size(table, new or old)
        self.record["awsRegion"] = table.region_name

    def add(self, old, new):
        if not self.table.stream_specification.get("StreamEnabled"):
            return
        if old is not None and new is not None and old.to_json() == new.to_json():
            return
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        view = self.table.stream_specification["StreamViewType"]
        sequence = self.starting_sequence_number + len(self.items)
        self.items.append(StreamRecord(self.table, view, name, old, new, sequence))

    def update_item(self, table_name, key, *args, **kwargs):
        # moto puts an item that is not there first, and then changes it.
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
            # The records stay readable; a stream switched on again is another one.
            self.latest_stream_label = None

    StreamRecord.__init__ = __init__
    StreamShard.add = add
    DynamoDBBackend.update_item = update_item
    Table.set_stream_specification = set_stream_specification
    DynamoDBStreamsBackend.get_shard_iterator = get_shard_iterator
    DynamoDBStreamsBackend.get_records = get_records


@contextlib.contextmanager
def unrecorded(tables):
    """Keeps what is written to the tables out of their streams."""
    shards = [(table, table.stream_shard) for table in tables]
    for table in tables:
        table.stream_shard = None
    try:
        yield
    finally:
        for table, shard in shards:
            table.stream_shard = shard


def get_shard_iterator(backend, arn, shard_id, shard_iterator_type, sequence_number=None):
    """Replaces moto's, which keeps every iterator that it ever gave."""
    shard = backend._get_table_from_arn(arn).stream_shard
    position = {
        "TRIM_HORIZON": 0,
        "LATEST": len(shard.items),
        "AT_SEQUENCE_NUMBER": (sequence_number or 0) - shard.starting_sequence_number,
        "AFTER_SEQUENCE_NUMBER": (sequence_number or 0) - shard.starting_sequence_number + 1,
    }[shard_iterator_type]
    return Iterator(arn, max(position, 0))


def get_records(backend, iterator_arn, limit):
    """The records from an iterator on, and the iterator behind them."""
    arn, _, position = iterator_arn.split("|")
    items = backend._get_table_from_arn(arn).stream_shard.items[int(position) : int(position) + limit]
    return {
        "Records": [item.to_json() for item in items],
        "NextShardIterator": Iterator(arn, int(position) + len(items)).arn,
    }


def _key_size(table, item):
    names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
    return sum(len(name.encode()) + item.attrs[name].size() for name in names)
