package fake

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// ServeHTTP implements S3's REST API with path-style addresses: GetObject and
// HeadObject with ranges, PutObject, DeleteObject and ListObjectsV2.
func (f *S3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var err error
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2":
		err = f.serveList(w, r, bucket)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		err = f.serveGet(w, r, bucket, key)
	case r.Method == http.MethodPut && !strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked"):
		err = f.servePut(w, r, bucket, key)
	case r.Method == http.MethodDelete:
		if _, err = f.DeleteObject(r.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	default:
		http.Error(w, "fake S3: "+r.Method+" "+r.URL.String()+" is not supported", http.StatusNotImplemented)
	}
	if err != nil {
		writeError(w, err)
	}
}

func writeError(w http.ResponseWriter, err error) {
	status, code := http.StatusInternalServerError, "InternalError"
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
		code = map[int]string{http.StatusNotFound: "NoSuchKey", http.StatusPreconditionFailed: "PreconditionFailed"}[status]
	}
	http.Error(w, fmt.Sprintf("<Error><Code>%s</Code></Error>", code), status)
}

func (f *S3) serveGet(w http.ResponseWriter, r *http.Request, bucket, key string) error {
	o, err := f.find(&bucket, &key, nil)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+o.etag+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", o.modified, o.open()) // with ranges and If-Match
	return nil
}

func (f *S3) servePut(w http.ResponseWriter, r *http.Request, bucket, key string) error {
	in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: r.Body, ContentLength: &r.ContentLength}
	if value := r.Header.Get("If-None-Match"); value != "" {
		in.IfNoneMatch = &value
	}
	if _, err := f.PutObject(r.Context(), in); err != nil {
		return err
	}
	o, err := f.find(&bucket, &key, nil)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+o.etag+`"`)
	return nil
}

type listBucketResult struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Name                  string
	EncodingType          string `xml:",omitempty"`
	KeyCount              int
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []listedObject
}

type listedObject struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
}

func (f *S3) serveList(w http.ResponseWriter, r *http.Request, bucket string) error {
	q := r.URL.Query()
	in := &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String(q.Get("prefix")), StartAfter: aws.String(q.Get("start-after"))}
	if token := q.Get("continuation-token"); token != "" {
		in.ContinuationToken = &token
	}
	out, err := f.ListObjectsV2(r.Context(), in)
	if err != nil {
		return err
	}
	list := listBucketResult{
		Name: bucket, EncodingType: q.Get("encoding-type"), KeyCount: len(out.Contents),
		IsTruncated: aws.ToBool(out.IsTruncated), NextContinuationToken: aws.ToString(out.NextContinuationToken),
	}
	for _, o := range out.Contents {
		key := aws.ToString(o.Key)
		if list.EncodingType == "" {
			if key, err = url.QueryUnescape(key); err != nil {
				return err
			}
		}
		list.Contents = append(list.Contents, listedObject{
			key, o.LastModified.UTC().Format(time.RFC3339), aws.ToString(o.ETag), aws.ToInt64(o.Size), "STANDARD",
		})
	}
	w.Header().Set("Content-Type", "application/xml")
	return xml.NewEncoder(w).Encode(list)
}

// readBody reads a body into a slice of its length, where a header contains it.
func readBody(r io.Reader, length *int64) ([]byte, error) {
	if length == nil || *length < 0 {
		return io.ReadAll(r)
	}
	body := make([]byte, *length)
	_, err := io.ReadFull(r, body)
	return body, err
}
