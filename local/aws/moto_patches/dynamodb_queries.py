"""DynamoDB: a query reads one partition, or the items of one index, not the whole table.

moto sorts all items of the table for every page. The gateway serializes the
requests.
"""

from moto.dynamodb.models.table import Table


def apply():
    """Restricts Table.query to the items of the partition or of the index."""
    moto_query = Table.query

    def query(self, hash_key, comparison, values, limit, start, forward, projections, index_name, *more, **named):
        found = candidates(self, hash_key, index_name)
        self.all_items = lambda: found
        try:
            return moto_query(self, hash_key, comparison, values, limit, start, forward, projections, index_name, *more, **named)
        finally:
            del self.all_items

    Table.query = query


def candidates(table, hash_key, index_name):
    """The items of a partition or of an index; none if the index does not exist."""
    if not index_name:
        partition = table.items.get(hash_key)
        if partition is None:
            return []
        return list(partition.values()) if table.has_range_key else [partition]
    keys = {name for index in table.all_indexes() if index.name == index_name for name in index.schema_key_attrs}
    partitions = table.items.values()
    items = (item for partition in partitions for item in partition.values()) if table.has_range_key else partitions
    return [item for item in items if keys and keys <= item.attrs.keys()]
