package snowflake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"example.com/ingestion/local/snowflake/awsaccess"
)

// storage is what the engine needs of AWS. Package cloud is the real one.
type storage interface {
	Check(ctx context.Context, integration awsaccess.Integration, url string) error
	Open(ctx context.Context, integration awsaccess.Integration) (bucketReader, error)
	Subscribe(ctx context.Context, topicARN string) (queueARN string, err error)
	Pending(ctx context.Context) (int, error)
	Close(ctx context.Context) error
}

// bucketReader reads with a role that was assumed.
type bucketReader interface {
	List(ctx context.Context, url string) iter.Seq2[awsaccess.Object, error]
	Fetch(ctx context.Context, bucket, key string) (awsaccess.Object, io.ReadCloser, error)
}

// onEvents is called with what a topic announced; an error brings it again.
type onEvents func(ctx context.Context, topicARN string, events []awsaccess.Event) error

type awsStorage struct{ *awsaccess.Client }

func (s awsStorage) Open(ctx context.Context, integration awsaccess.Integration) (bucketReader, error) {
	session, err := s.Session(ctx, integration)
	if err != nil {
		return nil, err
	}
	return session, nil
}

// newStorage is replaced by tests that need no AWS.
var newStorage = func(options Options, announced onEvents) storage {
	return awsStorage{awsaccess.New(awsaccess.Options{
		AWS: options.AWS, OnEvents: announced, Log: options.Log, PropagationDelay: options.PropagationDelay,
	})}
}

// cloudError gives an error of package cloud its number; nil if err is none.
func cloudError(err error) error {
	var known *awsaccess.Error
	if !errors.As(err, &known) {
		return nil
	}
	return errorf(fmt.Sprintf("%06d", known.Number), known.State, "%s", known.Error())
}
