"""DynamoDB: refuses items whose attributes cannot be keys of an index, as those of the table.

moto stores an item whose attribute is of another type than the index declares, or is longer
than a key may be, and checks empty strings in PutItem only.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
"""

import copy

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoHandler

# The greatest size of a key attribute, in bytes, by its role.
LIMITS = {"HASH": (2048, "Size of hashkey"), "RANGE": (1024, "Aggregated size of all range keys")}


def apply():
    """Checks the items of every operation that writes one; none of a batch is written if one is refused."""
    moto_put, moto_update, moto_batch = DynamoDBBackend.put_item, DynamoDBBackend.update_item, DynamoHandler.batch_write_item

    def put_item(self, table_name, item_attrs, *args, **kwargs):
        check(self.get_table(table_name), item_attrs)
        return moto_put(self, table_name, item_attrs, *args, **kwargs)

    def update_item(self, table_name, key, *args, **kwargs):
        before = copy.deepcopy(self.get_item(table_name, key))
        item = moto_update(self, table_name, key, *args, **kwargs)
        try:
            check(self.get_table(table_name), item.attrs)
        except MockValidationException:
            if before is None:
                self.delete_item(table_name, key)
            else:
                item.attrs = before.attrs
            raise
        return item

    def batch_write_item(self):
        for table_name, requests in self.body["RequestItems"].items():
            for request in requests:
                if "PutRequest" in request:
                    check(self.dynamodb_backend.get_table(table_name), request["PutRequest"]["Item"])
        return moto_batch(self)

    DynamoDBBackend.put_item = put_item
    DynamoDBBackend.update_item = update_item
    DynamoHandler.batch_write_item = batch_write_item


def check(table, attributes):
    """Raises the ValidationException of DynamoDB for an attribute that is a key of an index."""
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table.attr}
    for index in table.all_indexes():
        for key in index.schema:
            name = key["AttributeName"]
            if name not in attributes:
                continue
            kind, content = typed(attributes[name])
            if kind != types[name]:
                raise MockValidationException(
                    f"One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: {types[name]} Actual: {kind} IndexName: {index.name}"
                )
            if kind not in ("S", "B"):
                continue
            size = len(content.encode() if isinstance(content, str) else content)
            if size == 0:
                raise MockValidationException(
                    "One or more parameter values are not valid. A value specified for a secondary index key is not supported. "
                    f"The AttributeValue for a key attribute cannot contain an empty string value. IndexName: {index.name}, IndexKey: {name}"
                )
            limit, what = LIMITS[key["KeyType"]]
            if size > limit:
                raise MockValidationException(
                    f"One or more parameter values were invalid: {what} has exceeded the maximum size limit of {limit} bytes"
                )


def typed(value):
    """The type and the content of an attribute value."""
    if isinstance(value, DynamoType):
        return value.type, value.value
    return next(iter(value.items()))
