package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
)

// Account is an account and region of AWS with the credentials to use there.
type Account struct {
	Config aws.Config
	Stacks API
}

// NewAccount returns the account and region of cfg.
func NewAccount(cfg aws.Config) Account {
	return Account{Config: cfg, Stacks: cloudformation.NewFromConfig(cfg)}
}

// Deployment is a deployed feed with its resources and the clients to use them.
type Deployment struct {
	Feed
	Static
	Account Account
	// Sources are those of the spec, each with the name of its bucket.
	Sources []feed.Source
	// Names of resources, from the outputs of the stack.
	LandingBucket, Table, FailureQueueURL, UnpackFunction, LoadFunction string
	// DiscoverFunction is empty for a feed that lists no bucket.
	DiscoverFunction string

	S3       *s3.Client
	DynamoDB *dynamodb.Client
	SQS      *sqs.Client
	Lambda   *lambda.Client
	Ledger   *ledger.Ledger

	parts *partdispatch.Dispatcher // of LoadPart
}

// Open finds the feed with a name, as Find does, and its resources. If outputs are
// missing, it returns an incomplete Deployment together with the error.
func Open(ctx context.Context, a Account, name string) (*Deployment, error) {
	f, err := Find(ctx, a.Stacks, name)
	if err != nil {
		return nil, err
	}
	return OpenFeed(ctx, a, f)
}

// OpenFeed is Open for a feed that Find has returned.
func OpenFeed(ctx context.Context, a Account, f Feed) (*Deployment, error) {
	static, err := f.Static(ctx, a.Stacks)
	if err != nil {
		return nil, err
	}
	l := &Deployment{
		Feed: f, Static: static, Account: a,
		DiscoverFunction: f.Output("DiscoverFunction"),
		S3:               s3.NewFromConfig(a.Config, s3source.ClientOptions), DynamoDB: dynamodb.NewFromConfig(a.Config),
		SQS: sqs.NewFromConfig(a.Config), Lambda: lambda.NewFromConfig(a.Config),
	}
	var missing []error
	require := func(name string) string {
		value, err := f.Required(name)
		if err != nil {
			missing = append(missing, err)
		}
		return value
	}
	l.LandingBucket, l.Table = require("LandingBucket"), require("Table")
	l.UnpackFunction, l.LoadFunction = require("UnpackFunction"), require("LoadFunction")
	l.FailureQueueURL = require("FailureQueueUrl")
	if len(static.Spec.Sources) == 0 {
		missing = append(missing, fmt.Errorf("feed %q: the template of stack %s names no source: deploy it again with this version", f.Name, f.Stack))
	}
	for _, s := range static.Spec.Sources {
		if s.Bucket == "" {
			s.Bucket = require("SourceBucket")
		}
		l.Sources = append(l.Sources, s)
	}
	l.Ledger = ledger.New(l.DynamoDB, l.Table)
	return l, errors.Join(missing...)
}
