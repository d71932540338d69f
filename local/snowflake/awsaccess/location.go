package awsaccess

import (
	"slices"
	"strings"
)

// Location is a bucket and prefix: the URL of a stage.
type Location struct {
	Bucket string
	// Prefix has no leading slash. It may be empty.
	Prefix string
}

// schemes has the AWS partition for each URL scheme of S3.
var schemes = map[string]string{"s3": "aws", "s3gov": "aws-us-gov", "s3china": "aws-cn"}

// ParseLocation parses a URL such as s3://bucket/prefix/.
func ParseLocation(url string) (Location, error) {
	scheme, rest, ok := strings.Cut(url, "://")
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok || schemes[scheme] == "" || bucket == "" {
		return Location{}, invalid("SQL compilation error:\ninvalid URL prefix found in: '%s'", url)
	}
	return Location{Bucket: bucket, Prefix: prefix}, nil
}

// Allows returns an error unless the integration is enabled and covers url.
func (i Integration) Allows(url string) error {
	if !i.Enabled {
		return disabledError(i)
	}
	covers := func(location string) bool { return location == "*" || strings.HasPrefix(url, location) }
	if !slices.ContainsFunc(i.AllowedLocations, covers) || slices.ContainsFunc(i.BlockedLocations, covers) {
		return invalid("SQL compilation error:\nLocation '%s' is not allowed by integration '%s'. "+
			"Please use DESC INTEGRATION to check out allowed and blocked locations.", url, i.Name)
	}
	return nil
}
