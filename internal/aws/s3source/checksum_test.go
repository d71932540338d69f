package s3source_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/testing/fake"
)

// withChecksum returns other checksums than those of the fake.
type withChecksum struct {
	*fake.S3
	set func(*s3.HeadObjectOutput)
}

func (w withChecksum) HeadObject(ctx context.Context, in *s3.HeadObjectInput, options ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	out, err := w.S3.HeadObject(ctx, in, options...)
	if err != nil {
		return nil, err
	}
	out.ChecksumCRC64NVME, out.ChecksumType = nil, types.ChecksumTypeFullObject
	w.set(out)
	return out, nil
}

// The checksums of "123456789" are the check values of the algorithms.
func TestChecksums(t *testing.T) {
	for name, set := range map[string]func(*s3.HeadObjectOutput){
		"CRC32":     func(o *s3.HeadObjectOutput) { o.ChecksumCRC32 = aws.String("y/Q5Jg==") },
		"CRC32C":    func(o *s3.HeadObjectOutput) { o.ChecksumCRC32C = aws.String("4waSgw==") },
		"CRC64NVME": func(o *s3.HeadObjectOutput) { o.ChecksumCRC64NVME = aws.String("rosUhgp5mIg=") },
		"SHA1":      func(o *s3.HeadObjectOutput) { o.ChecksumSHA1 = aws.String("98O8HYCOBHMq32eZZczDTKeuNEE=") },
		"SHA256": func(o *s3.HeadObjectOutput) {
			o.ChecksumSHA256 = aws.String("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, change := range []bool{false, true} {
				bucket := &fake.S3{}
				bucket.Set("b", "k", []byte("123456789"))
				// The connection breaks once, so that the end is read by a range.
				bucket.BreakGet = func(_ string, from int64, body []byte) []byte {
					if from == 0 {
						return body[:5]
					}
					return body
				}
				if change {
					bucket.ChangeGet = func(_ string, from int64, body []byte) {
						if from > 0 {
							body[0]++
						}
					}
				}
				o, err := s3source.Open(t.Context(), withChecksum{bucket, set}, "b", "k", "", "")
				if err != nil {
					t.Fatal(err)
				}
				r, err := o.Open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if change != errors.Is(err, s3source.ErrChecksum) || !change && (err != nil || !bytes.Equal(got, []byte("123456789"))) {
					t.Errorf("changed: %v; read %q, error %v", change, got, err)
				}
			}
		})
	}
}

// A composite checksum is not that of the bytes, and an object may have none.
func TestNoChecksumOfTheWholeObject(t *testing.T) {
	for name, set := range map[string]func(*s3.HeadObjectOutput){
		"none":      func(*s3.HeadObjectOutput) {},
		"composite": func(o *s3.HeadObjectOutput) { o.ChecksumCRC32 = aws.String("AAAAAA==-3") },
		"composite type": func(o *s3.HeadObjectOutput) {
			o.ChecksumCRC32, o.ChecksumType = aws.String("AAAAAA=="), types.ChecksumTypeComposite
		},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := &fake.S3{}
			bucket.Set("b", "k", []byte("123456789"))
			o, err := s3source.Open(t.Context(), withChecksum{bucket, set}, "b", "k", "", "")
			if err != nil {
				t.Fatal(err)
			}
			r, err := o.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != "123456789" {
				t.Errorf("read %q, error %v", got, err)
			}
		})
	}
}
