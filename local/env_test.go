package local

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestTwoLocalAWSAtOnce(t *testing.T) {
	one, two := start(t), start(t)
	if one.Endpoint() == two.Endpoint() || one.Host().URL() == two.Host().URL() {
		t.Errorf("both have %s or %s", one.Endpoint(), one.Host().URL())
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", one.server.port), time.Second); err == nil {
		closeQuietly(c)
		t.Error("the closed one still accepts connections")
	}
	cfg, err := two.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(cfg).ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil {
		t.Errorf("the other one: %v", err)
	}
}
