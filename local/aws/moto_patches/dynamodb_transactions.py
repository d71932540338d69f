"""DynamoDB: TransactWriteItems in the time of its items, and updates of the encryption.

moto copies whole tables before a transaction and restores the copies if it
fails, which takes seconds for a large table. Here only the items of the
transaction are read, and nothing is written unless every condition is true. The
gateway serializes the requests.
"""

import copy

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import (
    ConditionalCheckFailed,
    MockValidationException,
    MultipleTransactionsException,
    TooManyTransactionsException,
    TransactionCanceledException,
)
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler

from .dynamodb_streams import unrecorded

WRITES = {"Put", "Update", "Delete"}


def apply():
    """Replaces TransactWriteItems, and adds SSESpecification to UpdateTable."""
    moto_update = DynamoHandler.update_table

    def update_table(self):
        if "SSESpecification" in self.body:
            self.dynamodb_backend.get_table(self.body["TableName"]).sse_specification = self.body["SSESpecification"]
        return moto_update(self)

    DynamoDBBackend.transact_write_items = transact_write_items
    DynamoHandler.update_table = update_table


def transact_write_items(backend, transact_items):
    """Checks every condition, then writes; undoes its writes if one of them fails."""
    if len(transact_items) > 100:
        raise TooManyTransactionsException()
    operations = [_operation(backend, item) for item in transact_items]
    named = [(operation["TableName"], str(sorted(key.items()))) for _, operation, key in operations]
    if len(set(named)) < len(named):
        raise MultipleTransactionsException()

    reasons = [_condition(backend, operation, key) for _, operation, key in operations]
    if any(code for code, _, _ in reasons):
        raise TransactionCanceledException(reasons)

    tables = {operation["TableName"]: backend.get_table(operation["TableName"]) for _, operation, _ in operations}
    undo = []
    with unrecorded(tables.values()):
        try:
            for kind, operation, key in operations:
                if kind in WRITES:
                    name = operation["TableName"]
                    undo.append((name, key, copy.deepcopy(backend.get_item(name, key))))
                    _write(backend, kind, operation, key)
        except Exception as error:
            for name, key, item in reversed(undo):
                backend.delete_item(name, key)
                if item is not None:
                    backend.put_item(name, item.to_json()["Attributes"])
            if isinstance(error, MockValidationException):
                raise
            reasons[len(undo) - 1] = (type(error).__name__, str(error), None)
            raise TransactionCanceledException(reasons) from error
    for name, key, before in undo:
        after = backend.get_item(name, key)
        if tables[name].stream_shard is not None and (before or after):
            tables[name].stream_shard.add(before, after)


def _operation(backend, item):
    (kind, operation), *more = item.items()
    if more or kind not in WRITES | {"ConditionCheck"}:
        raise MockValidationException("TransactItems can only contain one of Check, Put, Update or Delete")
    if kind != "Put":
        return kind, operation, operation["Key"]
    table = backend.get_table(operation["TableName"])
    names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
    missing = [name for name in names if name not in operation["Item"]]
    if missing:
        raise MockValidationException(
            f"One or more parameter values were invalid: Missing the key {missing[0]} in the item"
        )
    return kind, operation, {name: operation["Item"][name] for name in names}


def _condition(backend, operation, key):
    if operation.get("ConditionExpression") is None:
        return None, None, None
    current = backend.get_item(operation["TableName"], key)
    condition = get_filter_expression(
        operation["ConditionExpression"],
        operation.get("ExpressionAttributeNames"),
        operation.get("ExpressionAttributeValues"),
    )
    if condition.expr(current):
        return None, None, None
    shown = None
    if current and operation.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
        shown = current.to_json()["Attributes"]
    return "ConditionalCheckFailed", str(ConditionalCheckFailed().message), shown


def _write(backend, kind, operation, key):
    names = operation.get("ExpressionAttributeNames")
    values = operation.get("ExpressionAttributeValues")
    table = operation["TableName"]
    if kind == "Put":
        backend.put_item(table, operation["Item"])
    elif kind == "Delete":
        backend.delete_item(table, key)
    else:
        backend.update_item(
            table,
            key,
            update_expression=operation["UpdateExpression"],
            expression_attribute_names=names,
            expression_attribute_values=values,
        )
