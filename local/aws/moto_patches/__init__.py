"""What moto 5.2.1 does differently from AWS, corrected by replacing some of its functions.

One module per subject; the docstring of each says what moto lacks and what is
added. local/python.go checks that moto has exactly this version.
"""

from . import (
    cross_account,
    dynamodb_index_keys,
    dynamodb_queries,
    dynamodb_streams,
    dynamodb_transactions,
    dynamodb_values,
    lambda_functions,
    s3_events,
    s3_listing,
    s3_notifications,
    service_lookup,
    sns_deliveries,
    sqs_queues,
)


def apply(lambda_host, endpoint, iam):
    """Applies every patch. Later ones may wrap what earlier ones replaced. iam is an Enforcement."""
    service_lookup.apply()
    s3_events.apply()
    s3_listing.apply()
    s3_notifications.apply(iam)
    cross_account.apply()
    dynamodb_values.apply()
    dynamodb_queries.apply()
    dynamodb_streams.apply()
    dynamodb_index_keys.apply()
    dynamodb_transactions.apply()
    lambda_functions.apply(lambda_host, endpoint)
    sns_deliveries.apply(lambda_host, iam)
    sqs_queues.apply()
