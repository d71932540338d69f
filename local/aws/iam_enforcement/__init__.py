"""IAM permissions of functions and of deliveries, by the policies of roles and resources.

moto stores roles and policies, but evaluates them without conditions, and only if
it is asked to. Here the gateway (gateway.py) passes each request that is signed
with a session of a function's role to Enforcement before moto handles it, and so
do S3 and SNS with what they deliver to queues, topics and functions.

accesses.py derives the actions, resources and condition keys of a request, the
evaluator in Go (local/policy) decides, and refusals.py builds the error of each
service. A request that accesses.py does not know is refused.

Not judged: requests of the tests, the cdk CLI, the local CloudFormation and the
Lambda host's pollers, which have credentials without a role, and the use of KMS
keys.
"""
