// Package policy evaluates IAM policies for the local AWS and the local
// Snowflake: identity policies of roles, resource policies, and trust policies.
//
// It decides as AWS documents it: an explicit Deny in any policy wins, and
// whether an Allow of the identity, of the resource, or of both is needed depends
// on the accounts and on the principal that the resource policy names.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
//
// A policy element, a kind of principal or a condition operator that the package
// does not support is an error, never a permission. It does not evaluate
// permissions boundaries, session policies, service and resource control
// policies, or NotPrincipal.
//
// Handler serves evaluations over HTTP to the Python part of the local AWS
// (local/aws/policies.py), so that there is one evaluator.
package policy
