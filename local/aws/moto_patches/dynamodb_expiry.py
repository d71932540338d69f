"""DynamoDB: deletes the items whose time to live is over, when a test asks for it.

moto stores the time to live of a table and never deletes anything. A deletion is in the
stream with the identity of the service, and an attribute that is no number, or of a time more
than five years ago, deletes nothing.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
"""

from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

IDENTITY = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
FIVE_YEARS = 5 * 365 * 86400


def expire(region, now):
    """Deletes what has expired at a time, in seconds since 1970, in every table; returns how many items."""
    deleted = 0
    backend = dynamodb_backends[DEFAULT_ACCOUNT_ID][region]
    for table in backend.tables.values():
        if table.ttl.get("TimeToLiveStatus") != "ENABLED":
            continue
        attribute = table.ttl["AttributeName"]
        for item in [item for item in table.all_items() if has_expired(item, attribute, now)]:
            names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
            before = len(table.stream_shard.items) if table.stream_shard else 0
            backend.delete_item(table.name, {name: item.attrs[name].to_json() for name in names})
            for record in table.stream_shard.items[before:] if table.stream_shard else []:
                record["userIdentity"] = IDENTITY
            deleted += 1
    return deleted


def has_expired(item, attribute, now):
    """Whether DynamoDB deletes an item at a time."""
    value = item.attrs.get(attribute)
    return value is not None and value.type == "N" and now - FIVE_YEARS < float(value.value) < now
