package batchwrite

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The same in every request of this package.
const (
	service     = "dynamodb"
	contentType = "application/x-amz-json-1.0"
	target      = "DynamoDB_20120810.BatchWriteItem"
)

// signer writes the heads (request line and headers) of BatchWriteItem requests,
// signed with Signature Version 4 ("Create a signed AWS API request"). It caches
// what many requests have in common: the signing key for a day, the rest for a
// second. It must be used by one goroutine at a time.
type signer struct {
	host, region string

	creds  aws.Credentials // of the cached values
	second int64
	day    string
	mac    hash.Hash // keyed for creds, day and region
	// canonical is the canonical request and toSign the string to sign, both
	// without the hash at their end; head is the head up to the signature.
	canonical, toSign, head []byte
}

var errControl = errors.New("the credentials contain a control character: were they read from a file with line breaks?")

// appendHead appends the head of a request to dst.
func (s *signer) appendHead(dst []byte, creds aws.Credentials, body []byte, now time.Time) ([]byte, error) {
	if now.Unix() != s.second || creds.AccessKeyID != s.creds.AccessKeyID ||
		creds.SecretAccessKey != s.creds.SecretAccessKey || creds.SessionToken != s.creds.SessionToken {
		if err := s.prepare(creds, now.UTC()); err != nil {
			return dst, err
		}
	}
	sum := sha256.Sum256(body)
	s.canonical = hex.AppendEncode(s.canonical, sum[:])
	sum = sha256.Sum256(s.canonical)
	s.canonical = s.canonical[:len(s.canonical)-2*len(sum)]
	s.toSign = hex.AppendEncode(s.toSign, sum[:])
	s.mac.Reset()
	_, _ = s.mac.Write(s.toSign) // a hash never fails
	s.toSign = s.toSign[:len(s.toSign)-2*len(sum)]

	dst = append(dst, s.head...)
	dst = hex.AppendEncode(dst, s.mac.Sum(sum[:0]))
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	return append(dst, "\r\n\r\n"...), nil
}

func (s *signer) prepare(creds aws.Credentials, now time.Time) error {
	for _, text := range []string{creds.AccessKeyID, creds.SessionToken} {
		for i := range len(text) {
			if text[i] < ' ' || text[i] == 0x7F {
				return errControl
			}
		}
	}
	stamp := now.Format("20060102T150405Z")
	day := stamp[:8]
	if day != s.day || creds.SecretAccessKey != s.creds.SecretAccessKey {
		key := []byte("AWS4" + creds.SecretAccessKey)
		for _, part := range []string{day, s.region, service, "aws4_request"} {
			m := hmac.New(sha256.New, key)
			_, _ = m.Write([]byte(part))
			key = m.Sum(nil)
		}
		s.mac = hmac.New(sha256.New, key)
	}
	s.creds, s.second, s.day = creds, now.Unix(), day

	token, signed := "", "content-type;host;x-amz-date;x-amz-target"
	if creds.SessionToken != "" {
		token, signed = creds.SessionToken, "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
	}
	s.canonical = append(s.canonical[:0], "POST\n/\n\ncontent-type:"+contentType+"\nhost:"+s.host+"\nx-amz-date:"+stamp+"\n"...)
	if token != "" {
		s.canonical = append(s.canonical, "x-amz-security-token:"+token+"\n"...)
	}
	s.canonical = append(s.canonical, "x-amz-target:"+target+"\n\n"+signed+"\n"...)

	scope := day + "/" + s.region + "/" + service + "/aws4_request"
	s.toSign = append(s.toSign[:0], "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"...)

	s.head = append(s.head[:0], "POST / HTTP/1.1\r\nHost: "+s.host+"\r\nUser-Agent: ingestion\r\nAccept-Encoding: identity\r\nContent-Type: "+
		contentType+"\r\nX-Amz-Target: "+target+"\r\nX-Amz-Date: "+stamp+"\r\n"...)
	if token != "" {
		s.head = append(s.head, "X-Amz-Security-Token: "+token+"\r\n"...)
	}
	s.head = append(s.head, "Authorization: AWS4-HMAC-SHA256 Credential="+creds.AccessKeyID+"/"+scope+", SignedHeaders="+signed+", Signature="...)
	return nil
}
