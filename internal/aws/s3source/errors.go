package s3source

import (
	"errors"
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

var (
	// ErrNotFound means that the requested version of the object no longer exists:
	// it was deleted or, in a bucket without versioning, overwritten.
	ErrNotFound = errors.New("the requested version of the object no longer exists")
	// ErrArchived means that the object is in an archive storage class and has to
	// be restored before it can be read.
	ErrArchived = errors.New("the object is archived")
)

// wrap adds the object, the operation and, where there is one, the remedy.
func (o *Object) wrap(operation string, err error) error {
	switch status(err) {
	case http.StatusNotFound, http.StatusPreconditionFailed:
		return fmt.Errorf("%s: %w: %w", o.uri(), ErrNotFound, err)
	case http.StatusForbidden:
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorCode() == "InvalidObjectState" {
			return fmt.Errorf("%s: %w: restore it, then replay the upload: %w", o.uri(), ErrArchived, err)
		}
		return fmt.Errorf("%s: %s: the function's role, the bucket policy or the key policy does not allow it: %w", o.uri(), operation, err)
	}
	return fmt.Errorf("%s: %s: %w", o.uri(), operation, err)
}

// status is the HTTP status of an error response of S3, and 0 for other errors.
func status(err error) int {
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}
