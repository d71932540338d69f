package fake

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3 is a set of buckets without versions. It implements what this project uses
// of the SDK's client, without multipart uploads. The zero value is ready for use.
type S3 struct {
	mu      sync.Mutex
	objects map[string]object // by bucket/key

	// BreakGet, when set, may shorten the body of a GET that begins at byte from:
	// the connection then breaks after the bytes that BreakGet returns.
	BreakGet func(key string, from int64, body []byte) []byte
	// ChangeGet, when set, may change the bytes of a GET, as a fault on the way would.
	ChangeGet func(key string, from int64, body []byte)
	// FailPut, when set, may fail a PUT before or, with stored, after it took effect.
	FailPut func(key string) (stored bool, err error)
	// FailDelete, when set, may fail a DELETE before it took effect.
	FailDelete func(key string) error
	// Modified is the LastModified of objects that are put from now on; the zero
	// value means noon of 1 March 2026.
	Modified time.Time
	// PageSize is how many objects a page of a listing has; 0 means all.
	PageSize int
	// ForbidVersions answers a listing of versions with 403.
	ForbidVersions bool
	// FailList, when set, may fail a page of a listing, which begins after a key.
	FailList func(bucket, after string) error
	// RefuseCopy, when set, is the status with which CopyObject fails.
	RefuseCopy int
	// Puts counts the PUTs that changed something, by bucket/key.
	Puts map[string]int
}

type object struct {
	open     func() io.ReadSeeker
	size     int64
	etag     string
	modified time.Time
}

// Set puts an object and returns its ETag, without quotes. The body must not be
// changed afterwards.
func (f *S3) Set(bucket, key string, body []byte) string {
	sum := md5.Sum(body)
	etag := hex.EncodeToString(sum[:])
	f.SetContent(bucket, key, int64(len(body)), etag, func() io.ReadSeeker { return bytes.NewReader(body) })
	return etag
}

// SetContent puts an object whose content is not in memory: open returns a new
// reader of its size bytes.
func (f *S3) SetContent(bucket, key string, size int64, etag string, open func() io.ReadSeeker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.objects == nil {
		f.objects, f.Puts = map[string]object{}, map[string]int{}
	}
	f.objects[bucket+"/"+key] = object{open, size, etag, cmp.Or(f.Modified, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	f.Puts[bucket+"/"+key]++
}

// read returns the bytes from (inclusive) to (exclusive) of an object.
func (o object) read(from, to int64) ([]byte, error) {
	r := o.open()
	if _, err := r.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	body := make([]byte, to-from)
	_, err := io.ReadFull(r, body)
	return body, err
}

// Delete removes an object.
func (f *S3) Delete(bucket, key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.objects, bucket+"/"+key)
}

// Get returns an object's bytes.
func (f *S3) Get(bucket, key string) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.objects[bucket+"/"+key]
	if !ok {
		return nil, false
	}
	body, err := o.read(0, o.size)
	return body, err == nil
}

// Keys lists the keys of a bucket under a prefix, in order.
func (f *S3) Keys(bucket, prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []string
	for _, name := range slices.Sorted(maps.Keys(f.objects)) {
		if key, ok := strings.CutPrefix(name, bucket+"/"); ok && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

func responseError(status int) error {
	return ResponseError(status, errors.New(http.StatusText(status)))
}

// ResponseError returns the error that the SDK's client returns for a response
// with a status and an error in it.
func ResponseError(status int, err error) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err,
	}}
}

func (f *S3) find(bucket, key, ifMatch *string) (object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.objects[aws.ToString(bucket)+"/"+aws.ToString(key)]
	if !ok {
		return o, responseError(http.StatusNotFound)
	}
	if ifMatch != nil && strings.Trim(*ifMatch, `"`) != o.etag {
		return o, responseError(http.StatusPreconditionFailed)
	}
	return o, nil
}

// HeadObject implements the method of the SDK\'s client.
func (f *S3) HeadObject(_ context.Context, in *s3.HeadObjectInput, _ ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	o, err := f.find(in.Bucket, in.Key, in.IfMatch)
	if err != nil {
		return nil, err
	}
	out := &s3.HeadObjectOutput{
		ContentLength: aws.Int64(o.size), ETag: aws.String(`"` + o.etag + `"`), LastModified: &o.modified,
	}
	// S3 keeps a CRC64NVME of every object that is put without another checksum
	// ("Checking object integrity for data uploads in Amazon S3").
	if in.ChecksumMode == types.ChecksumModeEnabled && o.size < 64<<20 {
		h := crc64.New(crc64.MakeTable(0x9A6C9329AC4BC9B5))
		if _, err := io.Copy(h, o.open()); err != nil {
			return nil, err
		}
		out.ChecksumCRC64NVME, out.ChecksumType = aws.String(base64.StdEncoding.EncodeToString(h.Sum(nil))), types.ChecksumTypeFullObject
	}
	return out, nil
}

// GetObject implements the method of the SDK\'s client.
func (f *S3) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	o, err := f.find(in.Bucket, in.Key, in.IfMatch)
	if err != nil {
		return nil, err
	}
	from, to := int64(0), o.size
	if in.Range != nil {
		low, high, _ := strings.Cut(strings.TrimPrefix(*in.Range, "bytes="), "-")
		from, err = strconv.ParseInt(low, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("range %q: %w", *in.Range, err)
		}
		last, err := strconv.ParseInt(high, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("range %q: %w", *in.Range, err)
		}
		to = min(to, last+1)
	}
	if from > to {
		return nil, responseError(http.StatusRequestedRangeNotSatisfiable)
	}
	content, err := o.read(from, to)
	if err != nil {
		return nil, err
	}
	if f.ChangeGet != nil {
		f.ChangeGet(*in.Key, from, content)
	}
	body := io.Reader(bytes.NewReader(content))
	if f.BreakGet != nil {
		if kept := f.BreakGet(*in.Key, from, content); int64(len(kept)) < to-from {
			body = io.MultiReader(bytes.NewReader(kept), broken{})
		}
	}
	return &s3.GetObjectOutput{
		Body: io.NopCloser(body), ETag: aws.String(`"` + o.etag + `"`), ContentLength: aws.Int64(to - from), LastModified: &o.modified,
	}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// PutObject implements the method of the SDK\'s client.
func (f *S3) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, err := readBody(in.Body, in.ContentLength)
	if err != nil {
		return nil, err
	}
	var after error
	if f.FailPut != nil {
		stored, err := f.FailPut(*in.Key)
		if err != nil && !stored {
			return nil, err
		}
		after = err
	}
	if _, taken := f.Get(*in.Bucket, *in.Key); taken && in.IfNoneMatch != nil {
		return nil, responseError(http.StatusPreconditionFailed)
	}
	f.Set(*in.Bucket, *in.Key, body)
	return &s3.PutObjectOutput{}, after
}

// CopyObject implements the method of the SDK\'s client.
func (f *S3) CopyObject(_ context.Context, in *s3.CopyObjectInput, _ ...func(*s3.Options)) (*s3.CopyObjectOutput, error) {
	name, err := url.PathUnescape(*in.CopySource)
	if err != nil {
		return nil, err
	}
	bucket, key, _ := strings.Cut(name, "/")
	o, err := f.find(&bucket, &key, in.CopySourceIfMatch)
	if err != nil {
		return nil, err
	}
	if f.RefuseCopy != 0 {
		return nil, responseError(f.RefuseCopy)
	}
	f.SetContent(*in.Bucket, *in.Key, o.size, o.etag, o.open)
	return &s3.CopyObjectOutput{}, nil
}

var errNoMultipart = errors.New("fake S3: multipart uploads are not supported")

// CreateMultipartUpload always fails: multipart uploads are not supported.
func (f *S3) CreateMultipartUpload(context.Context, *s3.CreateMultipartUploadInput, ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	return nil, errNoMultipart
}

// UploadPart always fails: multipart uploads are not supported.
func (f *S3) UploadPart(context.Context, *s3.UploadPartInput, ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	return nil, errNoMultipart
}

// UploadPartCopy always fails: multipart uploads are not supported.
func (f *S3) UploadPartCopy(context.Context, *s3.UploadPartCopyInput, ...func(*s3.Options)) (*s3.UploadPartCopyOutput, error) {
	return nil, errNoMultipart
}

// CompleteMultipartUpload always fails: multipart uploads are not supported.
func (f *S3) CompleteMultipartUpload(context.Context, *s3.CompleteMultipartUploadInput, ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	return nil, errNoMultipart
}

// AbortMultipartUpload always fails: multipart uploads are not supported.
func (f *S3) AbortMultipartUpload(context.Context, *s3.AbortMultipartUploadInput, ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	return nil, errNoMultipart
}

// DeleteObject deletes an object. Like S3, it succeeds for one that does not exist.
func (f *S3) DeleteObject(_ context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	if f.FailDelete != nil {
		if err := f.FailDelete(aws.ToString(in.Key)); err != nil {
			return nil, err
		}
	}
	f.Delete(aws.ToString(in.Bucket), aws.ToString(in.Key))
	return &s3.DeleteObjectOutput{}, nil
}
