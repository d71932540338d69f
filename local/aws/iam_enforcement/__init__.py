"""IAM permissions of the functions: every request of a function is authorized by the policies of its role.

moto stores roles and policies, but evaluates them without conditions, and only if
it is asked to. Here the gateway (gateway.py) passes each request that is signed
with a session of a function's role to Enforcement before moto handles it.

accesses.py derives the actions, resources and condition keys of a request, the
evaluator in Go (local/policy) decides, and refusals.py builds the error of each
service. A request that accesses.py does not know is refused.

Not judged: requests of the tests, the cdk CLI and the local CloudFormation, which
have credentials without a role; deliveries of S3 and SNS to queues and topics;
and the use of KMS keys.
"""
