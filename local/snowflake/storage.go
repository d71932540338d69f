package snowflake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"example.com/ingestion/local/snowflake/awsaccess"
)

// storage is the access to AWS. Package awsaccess implements it.
type storage interface {
	Check(ctx context.Context, integration awsaccess.Integration, url string) error
	Open(ctx context.Context, integration awsaccess.Integration) (bucketReader, error)
	Subscribe(ctx context.Context, topicARN string) (queueARN string, err error)
	Pending(ctx context.Context) (int, error)
	Close(ctx context.Context) error
}

// bucketReader reads buckets with an assumed role.
type bucketReader interface {
	List(ctx context.Context, url string) iter.Seq2[awsaccess.Object, error]
	Fetch(ctx context.Context, bucket, key string) (awsaccess.Object, io.ReadCloser, error)
}

// onEvents processes the events of a topic. After an error they are delivered again.
type onEvents func(ctx context.Context, topicARN string, events []awsaccess.Event) error

type awsStorage struct{ *awsaccess.Client }

func (s awsStorage) Open(ctx context.Context, integration awsaccess.Integration) (bucketReader, error) {
	session, err := s.Session(ctx, integration)
	if err != nil {
		return nil, err
	}
	return session, nil
}

// newStorage is replaced by tests that do not need the local AWS.
var newStorage = func(options Options, handle onEvents) storage {
	return awsStorage{awsaccess.New(awsaccess.Options{
		AWS: options.AWS, OnEvents: handle, Log: options.Log, PropagationDelay: options.PropagationDelay,
	})}
}

// awsError converts an error of package awsaccess; it returns nil for other errors.
func awsError(err error) error {
	var known *awsaccess.Error
	if !errors.As(err, &known) {
		return nil
	}
	return errorf(fmt.Sprintf("%06d", known.Number), known.State, "%s", known.Error())
}
