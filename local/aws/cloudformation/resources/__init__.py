"""The resource types that the local CloudFormation can deploy.

To add a resource type:

1. Write a subclass of ResourceHandler (see handler.py) in the module of its
   service, decorated with @register("AWS::Service::Type").
2. Name every property: in `properties` those that take effect, in `ignored`
   those that are accepted without effect, in `create_only` those whose change
   requires a replacement. A template with any other property is refused.
3. Implement create, update and delete with `context.client("service")`, a boto3
   client of the local AWS, and return a ResourceResult with the physical ID and
   the attributes for Fn::GetAtt.
4. A new module is imported below. Add a stack with the type to a test in local/
   (cloudformation_resources_test.go has one of most types).

Corrections of moto belong in moto_patches, not in a handler.
"""

from . import (  # noqa: F401 importing a module registers its handlers
    cloudwatch,
    custom_resources,
    dynamodb,
    event_source_mappings,
    eventbridge,
    iam,
    kms,
    lambda_functions,
    s3,
    sqs_sns,
)
from .handler import handler_of

__all__ = ["handler_of"]
