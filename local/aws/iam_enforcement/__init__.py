"""IAM permissions of functions and of deliveries, by the policies of roles and resources.

moto stores roles and policies, but its optional enforcement ignores conditions.
Here the gateway (gateway.py) passes each request that is signed with a session of a
function's role to Enforcement before moto handles it. S3 and SNS ask it before they
deliver to queues, topics and functions.

accesses.py derives the actions, resources and condition keys of a request, the
evaluator in Go (local/policy) decides, and refusals.py builds the error of each
service; keys.py derives the use of KMS keys. A request that accesses.py does not know
is refused.

The Lambda host makes the requests of event source mappings and to destinations
with the role of their function, as Lambda does.

Not judged: requests of the tests, the cdk CLI and the local CloudFormation, which
have credentials without a role.
"""
