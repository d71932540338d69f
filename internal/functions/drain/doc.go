// Package drain is the drain function: the custom resource Custom::QueueDrain,
// which keeps a feed's queues until they are empty. CloudFormation deletes that
// resource before the queues and the functions that read them.
//
// A failed deletion of the resource does not stop CloudFormation. At the end of an
// update it tries three times, drops the resource and goes on
// (aws-cloudformation/cloudformation-coverage-roadmap, issue 744); when a stack is
// deleted it goes on too, and leaves the stack in DELETE_FAILED (issues 852 and
// 1508). So messages that the functions do not process in time are moved to the
// failure queue, and an error is the last resort.
//
// Draining outlasts an invocation: near its deadline the function dispatches a
// continuation with the time at which draining started, and only the last
// invocation responds to CloudFormation. The function is idempotent: it changes
// nothing but where a message is, and sends a message before it deletes it.
package drain
