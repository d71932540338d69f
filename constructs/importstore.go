package constructs

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/stackscope"
)

// StoreNames name a Store that exists already, in the same account and region.
// They are outputs of the stack that made it.
type StoreNames struct {
	LandingBucket string
	Table         string
	TopicARN      string
	// LoadFunction is the name of the function load.
	LoadFunction string
	// Changes is true for a store with StoreProps.Changes.
	Changes bool
	// AlarmTopicARN and KeyARN are those of a store with StoreProps.Alarms and Key.
	AlarmTopicARN, KeyARN string
}

var (
	bucketName   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	tableName    = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,255}$`)
	functionName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	topicARN     = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$`)
)

// Validate reports everything that is wrong with n at once. Values that are
// known at deployment only, such as imports from another stack, pass.
func (n StoreNames) Validate() error {
	var errs []error
	check := func(field, value string, valid *regexp.Regexp, want string) {
		if !stackscope.IsToken(value) && !valid.MatchString(value) {
			errs = append(errs, fmt.Errorf("store: %s: %q is not %s", field, value, want))
		}
	}
	check("LandingBucket", n.LandingBucket, bucketName, "the name of a bucket")
	check("Table", n.Table, tableName, "the name of a table")
	check("TopicARN", n.TopicARN, topicARN, "the ARN of an SNS topic")
	check("LoadFunction", n.LoadFunction, functionName, "the name of a function")
	if n.AlarmTopicARN != "" {
		check("AlarmTopicARN", n.AlarmTopicARN, topicARN, "the ARN of an SNS topic")
	}
	ExistingKey(n.KeyARN).validate(storeReport(&errs), "KeyARN")
	return errors.Join(errs...)
}

// ImportStore refers to a Store that another stack or app has made.
func ImportStore(scope core.Construct, id string, names StoreNames) (_ *Store, err error) {
	if err := names.Validate(); err != nil {
		return nil, err
	}
	defer CatchPanic(&err)
	this := core.NewConstruct(scope, &id)
	s := &Store{
		LandingBucket: awss3.Bucket_FromBucketName(this, jsii.String("LandingBucket"), &names.LandingBucket),
		Topic:         awssns.Topic_FromTopicArn(this, jsii.String("Topic"), &names.TopicARN),
		Table:         awsdynamodb.TableV2_FromTableName(this, jsii.String("Table"), &names.Table),
		Key:           ExistingKey(names.KeyARN).resolve(this, stackscope.Settings{}),
		capabilities:  storeCapabilities{landing: names.LandingBucket, changes: names.Changes, alarms: names.AlarmTopicARN != "", imported: true},
		Load:          awslambda.Function_FromFunctionName(this, jsii.String("Load"), &names.LoadFunction),
		feeds:         map[string]string{}, values: stackscope.NewValues(),
	}
	if names.AlarmTopicARN != "" {
		s.AlarmTopic = awssns.Topic_FromTopicArn(this, jsii.String("AlarmTopic"), &names.AlarmTopicARN)
	}
	s.setNames()
	return s, nil
}
