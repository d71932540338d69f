package origin

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/ingestion/internal/aws/call"
)

const (
	// sessionName is what the bucket's owner reads in CloudTrail.
	sessionName = "ingestion"
	// sessionSeconds is the longest session of a role that a role assumes ("role chaining").
	sessionSeconds = "3600"
	// expiryWindow is how long before its end a session is renewed.
	expiryWindow = 5 * time.Minute
)

// assumer gets the credentials of a role from STS. It implements
// aws.CredentialsProvider, for aws.CredentialsCache to keep them.
type assumer struct {
	cfg  aws.Config
	role role
}

// Retrieve implements aws.CredentialsProvider.
func (a *assumer) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := a.assume(ctx)
	if err != nil {
		return credentials, fmt.Errorf("assume role %s, whose trust policy has to name this function's role and, where the feed has one, its external ID: %w", a.role.arn, err)
	}
	return credentials, nil
}

func (a *assumer) assume(ctx context.Context) (aws.Credentials, error) {
	endpoint, err := call.Endpoint(ctx, a.cfg, "STS", "sts")
	if err != nil {
		return aws.Credentials{}, err
	}
	form := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {a.role.arn},
		"RoleSessionName": {sessionName}, "DurationSeconds": {sessionSeconds},
	}
	if a.role.externalID != "" {
		form.Set("ExternalId", a.role.externalID)
	}
	body, err := call.Do(ctx, a.cfg, call.Request{
		Service: "sts", URL: endpoint + "/", Body: []byte(form.Encode()), Fault: fault,
		Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	})
	if err != nil {
		return aws.Credentials{}, err
	}
	var answer struct {
		Result struct {
			Credentials struct {
				AccessKeyID     string    `xml:"AccessKeyId"`
				SecretAccessKey string    `xml:"SecretAccessKey"`
				SessionToken    string    `xml:"SessionToken"`
				Expiration      time.Time `xml:"Expiration"`
			} `xml:"Credentials"`
		} `xml:"AssumeRoleResult"`
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		return aws.Credentials{}, fmt.Errorf("answer of STS: %w", err)
	}
	c := aws.Credentials{
		AccessKeyID: answer.Result.Credentials.AccessKeyID, SecretAccessKey: answer.Result.Credentials.SecretAccessKey,
		SessionToken: answer.Result.Credentials.SessionToken, Source: "AssumeRole", CanExpire: true, Expires: answer.Result.Credentials.Expiration,
	}
	if !c.HasKeys() || c.Expires.IsZero() {
		return aws.Credentials{}, fmt.Errorf("answer of STS has no credentials: %.200q", body)
	}
	return c, nil
}

// fault reads an error of the query protocol.
func fault(_ http.Header, body []byte) (code, message string) {
	var f struct {
		Error struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		} `xml:"Error"`
	}
	if err := xml.Unmarshal(body, &f); err != nil || f.Error.Code == "" {
		return "UnknownError", fmt.Sprintf("%.200q", body)
	}
	return f.Error.Code, f.Error.Message
}
