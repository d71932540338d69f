package fake

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// DeleteObject deletes an object, which may not be there.
func (f *S3) DeleteObject(_ context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	if f.FailDelete != nil {
		if err := f.FailDelete(aws.ToString(in.Key)); err != nil {
			return nil, err
		}
	}
	f.Delete(aws.ToString(in.Bucket), aws.ToString(in.Key))
	return &s3.DeleteObjectOutput{}, nil
}
