package snowflake

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// providers has the storage provider and URL scheme of each AWS partition.
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

// partition returns the AWS partition of the role; empty if RoleARN is invalid.
func (n Names) partition() string {
	if found := roleRE.FindStringSubmatch(n.RoleARN); found != nil {
		return found[1]
	}
	return ""
}

// validate returns everything that is wrong with the names of a feed.
func (n Names) validate(s Spec) error {
	var errs []error
	add := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("feed %q: Snowflake names: %s: %s", s.Feed, name, fmt.Sprintf(format, args...)))
	}
	if !ownerRE.MatchString(n.Owner) {
		add("Owner", "%q must be <account>/<region>/<stack>/<feed>, without white space", n.Owner)
	}
	if !bucketRE.MatchString(n.Bucket) {
		add("Bucket", "%q is not the name of an S3 bucket", n.Bucket)
	}
	if partition := n.partition(); partition == "" {
		add("RoleARN", "%q is not the ARN of an IAM role", n.RoleARN)
	} else if _, ok := providers[partition]; !ok {
		add("RoleARN", "%q: Snowflake supports the partitions aws, aws-us-gov and aws-cn", n.RoleARN)
	}
	switch {
	case n.TopicARN == "":
		if s.Load == Continuous || s.Load == ExternalTable {
			add("TopicARN", "is required for load %s: its notifications start the load", s.Load)
		}
	case strings.HasSuffix(n.TopicARN, ".fifo"):
		add("TopicARN", "%q is a FIFO topic: S3 publishes notifications to standard topics only", n.TopicARN)
	case !topicRE.MatchString(n.TopicARN):
		add("TopicARN", "%q is not the ARN of an SNS topic", n.TopicARN)
	}
	return errors.Join(errs...)
}
