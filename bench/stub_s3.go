package main

import (
	"bytes"
	"encoding/xml"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// s3Stub is what the contenders use of S3. Its objects are in memory.
type s3Stub struct {
	mu      sync.Mutex
	objects map[string]s3Object // by bucket/key
}

type s3Object struct {
	open func() io.ReadSeeker
	size int64
}

// objectTime is when every object was last modified: with a time of the run's
// own, parts had other names and bytes in every run.
var objectTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (s *s3Stub) put(name string, o s3Object) (isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		s.objects = map[string]s3Object{}
	}
	_, known := s.objects[name]
	s.objects[name] = o
	return !known
}

func (s *s3Stub) putBytes(name string, b []byte) {
	s.put(name, s3Object{func() io.ReadSeeker { return bytes.NewReader(b) }, int64(len(b))})
}

// clear removes the objects whose names begin with prefix.
func (s *s3Stub) clear(prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.objects {
		if strings.HasPrefix(name, prefix) {
			delete(s.objects, name)
		}
	}
}

// names lists the objects whose names begin with prefix, in order.
func (s *s3Stub) names(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.objects {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (s *s3Stub) get(name string) (s3Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[name]
	return o, ok
}

// ServeHTTP implements the path-style addressing of S3.
func (s *s3Stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Has("list-type"):
		s.list(w, r, strings.TrimSuffix(name, "/"))
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		o, ok := s.get(name)
		if !ok {
			http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", etag(name))
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", objectTime, o.open()) // ranges and If-Match
	case r.Method == http.MethodPut:
		s.store(w, r, name)
	default:
		http.Error(w, "the stub does not know "+r.Method, http.StatusNotImplemented)
	}
}

// etag is one of the name: no object of the stub ever changes under its name.
func etag(name string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return `"` + strconv.FormatUint(h.Sum64(), 16) + `"`
}

func (s *s3Stub) store(w http.ResponseWriter, r *http.Request, name string) {
	if strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		http.Error(w, "the stub does not know aws-chunked", http.StatusNotImplemented)
		return
	}
	body, err := readBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if _, known := s.get(name); known && r.Header.Get("If-None-Match") != "" {
		http.Error(w, "<Error><Code>PreconditionFailed</Code></Error>", http.StatusPreconditionFailed)
		return
	}
	s.putBytes(name, body)
	w.Header().Set("ETag", etag(name))
}

// readBody reads a request's body into a slice of its length.
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 {
		return io.ReadAll(r.Body)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

type listing struct {
	XMLName     xml.Name `xml:"ListBucketResult"`
	Name        string
	KeyCount    int
	IsTruncated bool
	Contents    []listed
}

type listed struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
}

// list answers ListObjectsV2. It honours start-after: a lister that goes on
// behind the last key it saw would else never end.
func (s *s3Stub) list(w http.ResponseWriter, r *http.Request, bucket string) {
	q := r.URL.Query()
	l := listing{Name: bucket}
	for _, name := range s.names(bucket + "/" + q.Get("prefix")) {
		key := strings.TrimPrefix(name, bucket+"/")
		if o, ok := s.get(name); ok && key > q.Get("start-after") {
			l.Contents = append(l.Contents, listed{key, objectTime.Format(time.RFC3339), etag(name), o.size, "STANDARD"})
		}
	}
	l.KeyCount = len(l.Contents)
	w.Header().Set("Content-Type", "application/xml")
	if err := xml.NewEncoder(w).Encode(l); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
