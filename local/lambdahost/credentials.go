package lambdahost

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	// sessionLength is how long the credentials of a role are valid.
	sessionLength = 12 * time.Hour
	// roleLifetime is how long the role of a function is cached for its pollers.
	roleLifetime = 5 * time.Second
)

// roleSessions has sessions of the roles of functions.
type roleSessions struct {
	client *sts.Client

	mu    sync.Mutex
	roles map[string]*aws.CredentialsCache // by role
}

func newRoleSessions(cfg aws.Config) *roleSessions {
	return &roleSessions{client: sts.NewFromConfig(cfg), roles: map[string]*aws.CredentialsCache{}}
}

// environment has the credentials of a session of the role of a function, as Lambda
// sets them.
func (s *roleSessions) environment(ctx context.Context, f *function) ([]string, error) {
	c, err := s.retrieve(ctx, f)
	if err != nil {
		return nil, err
	}
	return []string{
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + c.SessionToken,
	}, nil
}

func (s *roleSessions) retrieve(ctx context.Context, f *function) (aws.Credentials, error) {
	s.mu.Lock()
	cache := s.roles[f.Role]
	if cache == nil {
		cache = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(s.client, f.Role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName, o.Duration = f.Name, sessionLength
		}))
		s.roles[f.Role] = cache
	}
	s.mu.Unlock()
	c, err := cache.Retrieve(ctx)
	if err != nil {
		return c, fmt.Errorf("function %s: assume its role %s: %w", f.Name, f.Role, err)
	}
	return c, nil
}

type functionKey struct{}

// onBehalfOf returns a context in which requests of an sdkClient have the
// credentials of the role of a function, as those of Lambda's pollers and
// destinations do; without a function, they have those of the host.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
func onBehalfOf(ctx context.Context, function string) context.Context {
	return context.WithValue(ctx, functionKey{}, function)
}

// contextCredentials are the credentials of the role of the function that a request
// is on behalf of, else those of the host.
type contextCredentials struct {
	host     aws.CredentialsProvider
	sessions *roleSessions
	function func(ctx context.Context, name string) (*function, error)

	mu    sync.Mutex
	known map[string]knownFunction
}

type knownFunction struct {
	*function
	at time.Time
}

// Retrieve implements aws.CredentialsProvider.
func (c *contextCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	name, _ := ctx.Value(functionKey{}).(string)
	if name == "" {
		return c.host.Retrieve(ctx)
	}
	c.mu.Lock()
	known, ok := c.known[name]
	c.mu.Unlock()
	if !ok || time.Since(known.at) > roleLifetime {
		f, err := c.function(ctx, name)
		if err != nil {
			return aws.Credentials{}, err
		}
		known = knownFunction{f, time.Now()}
		c.mu.Lock()
		c.known[name] = known
		c.mu.Unlock()
	}
	return c.sessions.retrieve(ctx, known.function)
}
