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

// sessionLength is how long the credentials of a function are valid.
const sessionLength = 12 * time.Hour

// roleSessions has the credentials of functions, by role.
type roleSessions struct {
	client *sts.Client

	mu    sync.Mutex
	roles map[string]*aws.CredentialsCache
}

// environment has the credentials of a session of the role of a function, as Lambda
// sets them.
func (s *roleSessions) environment(ctx context.Context, f *function) ([]string, error) {
	c, err := s.cache(f).Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("function %s: assume its role %s: %w", f.Name, f.Role, err)
	}
	return []string{
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + c.SessionToken,
	}, nil
}

func (s *roleSessions) cache(f *function) *aws.CredentialsCache {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roles[f.Role] == nil {
		s.roles[f.Role] = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(s.client, f.Role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName, o.Duration = f.Name, sessionLength
		}))
	}
	return s.roles[f.Role]
}
