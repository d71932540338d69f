package snowflake

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// providers are the storage providers and URL schemes by AWS partition.
var providers = map[string]struct{ name, scheme string }{
	"aws":        {"S3", "s3://"},
	"aws-us-gov": {"S3GOV", "s3gov://"},
	"aws-cn":     {"S3CHINA", "s3china://"},
}

var (
	ownerRE  = regexp.MustCompile(`^\S+$`)
	bucketRE = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	roleRE   = regexp.MustCompile(`^arn:([a-z-]+):iam::\d{12}:role/[\w+=,.@/-]+$`)
	topicRE  = regexp.MustCompile(`^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[\w-]+$`)
)

// partition is the AWS partition of the role.
func (n Names) partition() string {
	if found := roleRE.FindStringSubmatch(n.RoleARN); found != nil {
		return found[1]
	}
	return ""
}

// validate checks what a deployment filled in for a feed.
func (n Names) validate(s Spec) error {
	var errs []error
	add := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("feed %q: Snowflake names: %s: %s", s.Feed, name, fmt.Sprintf(format, args...)))
	}
	if !ownerRE.MatchString(n.Owner) {
		add("Owner", "%q must be <account>/<region>/<stack>/<feed>, without white space", n.Owner)
	}
	if !bucketRE.MatchString(n.Bucket) {
		add("Bucket", "%q is no name of an S3 bucket", n.Bucket)
	}
	if partition := n.partition(); partition == "" {
		add("RoleARN", "%q is no ARN of an IAM role", n.RoleARN)
	} else if _, ok := providers[partition]; !ok {
		add("RoleARN", "%q: Snowflake knows the partitions aws, aws-us-gov and aws-cn", n.RoleARN)
	}
	switch {
	case n.TopicARN == "":
		if s.Load == Continuous || s.Load == ExternalTable {
			add("TopicARN", "is required for load %s: it announces the objects", s.Load)
		}
	case strings.HasSuffix(n.TopicARN, ".fifo"):
		add("TopicARN", "%q is a FIFO topic: S3 announces to standard topics only", n.TopicARN)
	case !topicRE.MatchString(n.TopicARN):
		add("TopicARN", "%q is no ARN of an SNS topic", n.TopicARN)
	}
	return errors.Join(errs...)
}
