// Package stackscope has what the resources of one stack share: its account,
// region and name, values of the CDK that never change, and the resources of which
// a stack has one, however many feeds it has.
//
// Each call of the CDK takes about a third of a millisecond, because it goes to
// another process, and an app may have hundreds of feeds. So a [Scope] asks for
// what never changes once. Like jsii it is not safe for concurrent use, and it
// keeps no object of jsii beyond the app that it was made for.
package stackscope

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
)

// Scope is the stack that a store or a feed is made in.
type Scope struct {
	Stack awscdk.Stack
	Node  core.Node
	*Values
	// Account, Region, Partition and Name are those of the stack: tokens where they
	// are known at deployment only.
	Account, Region, Partition, Name func() string

	singletons map[reflect.Type]any
}

// New returns the stack of a construct. With values, of the same app, it shares
// them; nil makes new ones.
func New(scope core.Construct, values *Values) *Scope {
	stack := awscdk.Stack_Of(scope)
	if values == nil {
		values = NewValues()
	}
	return &Scope{
		Stack: stack, Node: stack.Node(), Values: values,
		Account:    once(stack.Account),
		Region:     once(stack.Region),
		Partition:  once(stack.Partition),
		Name:       once(stack.StackName),
		singletons: map[reflect.Type]any{},
	}
}

// Singleton returns the T of a scope: the zero value at the first call.
func Singleton[T any](s *Scope) *T {
	key := reflect.TypeFor[T]()
	if _, ok := s.singletons[key]; !ok {
		s.singletons[key] = new(T)
	}
	return s.singletons[key].(*T)
}

// once returns a func that calls get once.
func once(get func() *string) func() string {
	return sync.OnceValue(func() string { return *get() })
}

// Child returns the child of the stack with an ID, nil where it has none.
func (s *Scope) Child(id string) core.IConstruct { return s.Node.TryFindChild(&id) }

// ID is the stack's name, or its path where the name is only known at
// deployment, as that of a nested stack.
func (s *Scope) ID() string {
	if name := s.Name(); !IsToken(name) {
		return name
	}
	return *s.Node.Path()
}

// IsToken reports whether text is known at deployment only.
func IsToken(text string) bool { return strings.Contains(text, "${Token[") }

// RuleARN is the ARN of a rule on the default event bus of the stack's account and region.
func (s *Scope) RuleARN(name string) string {
	return "arn:" + s.Partition() + ":events:" + s.Region() + ":" + s.Account() + ":rule/" + name
}

// DefaultBusARN is the ARN of the default event bus of the stack's account and region.
func (s *Scope) DefaultBusARN() string {
	return "arn:" + s.Partition() + ":events:" + s.Region() + ":" + s.Account() + ":event-bus/default"
}

// FunctionARN is the ARN of a function in the stack's account and region.
func (s *Scope) FunctionARN(name string) string {
	return "arn:" + s.Partition() + ":lambda:" + s.Region() + ":" + s.Account() + ":function:" + name
}

// BucketARN is the ARN of a bucket that is not part of the app.
func (s *Scope) BucketARN(name string) string { return "arn:" + s.Partition() + ":s3:::" + name }

// SecretARNs are the resources that mean one secret: its ARN ends in a hyphen
// and six characters that its name does not have. An ARN that was given without
// them, of a name whose last word has six letters, looks as if it had them, so
// that both forms of such a one are allowed.
func (s *Scope) SecretARNs(secret string) []string {
	const random = "-??????"
	switch {
	case IsToken(secret):
		return []string{secret}
	case !strings.HasPrefix(secret, "arn:"):
		return []string{fmt.Sprintf("arn:%s:secretsmanager:%s:%s:secret:%s%s", s.Partition(), s.Region(), s.Account(), secret, random)}
	case len(secret) > 7 && secret[len(secret)-7] == '-':
		return []string{secret, secret + random}
	}
	return []string{secret + random}
}
