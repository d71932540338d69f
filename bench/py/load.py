"""Loads a .ndjson.gz object into DynamoDB with boto3: lines are streamed and
decompressed, then json.loads and batch_writer.

Usage: load.py BUCKET KEY TABLE
"""

import gzip
import json
import sys
from decimal import Decimal

import boto3


def main(bucket, key, table):
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    with boto3.resource("dynamodb").Table(table).batch_writer() as batch:
        for ordinal, line in enumerate(gzip.GzipFile(fileobj=body)):
            payload = json.loads(line, parse_float=Decimal)
            batch.put_item(Item={"pk": key, "sk": str(ordinal), "data": payload})


if __name__ == "__main__":
    main(*sys.argv[1:])
