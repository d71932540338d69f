package batchwrite

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestSignature compares the signatures with those of the SDK's signer.
func TestSignature(t *testing.T) {
	start := time.Date(2026, 3, 4, 23, 59, 58, 0, time.UTC)
	creds := []aws.Credentials{
		{AccessKeyID: "AKID", SecretAccessKey: "secret"},
		{AccessKeyID: "AKID", SecretAccessKey: "secret", SessionToken: "token/+="},
		{AccessKeyID: "AKID", SecretAccessKey: "another", SessionToken: "token/+="},
	}
	s := signer{host: "dynamodb.eu-west-1.amazonaws.com", region: "eu-west-1"}
	// Over midnight, with changing credentials, several requests a second.
	for i := range 60 {
		now := start.Add(time.Duration(i) * 150 * time.Millisecond)
		c := creds[i/7%len(creds)]
		body := []byte(strings.Repeat("x", i))
		head, err := s.appendHead([]byte("before"), c, body, now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(head[len("before"):]), bytes.NewReader(body))))
		if err != nil {
			t.Fatalf("%v in %q", err, head)
		}
		read, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(read, body) {
			t.Fatalf("body %q, error %v", read, err)
		}

		want, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+s.host+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		want.Header.Set("Content-Type", contentType)
		want.Header.Set("X-Amz-Target", target)
		sum := sha256.Sum256(body)
		if err := v4.NewSigner().SignHTTP(t.Context(), c, want, hex.EncodeToString(sum[:]), service, s.region, now); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "Content-Type", "X-Amz-Target"} {
			if got.Header.Get(name) != want.Header.Get(name) {
				t.Fatalf("request %d: %s is\n%s, the SDK's\n%s", i, name, got.Header.Get(name), want.Header.Get(name))
			}
		}
		if got.Host != s.host {
			t.Errorf("host %q", got.Host)
		}
	}
}

func TestCredentialsWithControlCharacters(t *testing.T) {
	s := signer{host: "h", region: "r"}
	for _, c := range []aws.Credentials{{AccessKeyID: "a\r\nX: y", SecretAccessKey: "s"}, {AccessKeyID: "a", SecretAccessKey: "s", SessionToken: "t\n"}} {
		if _, err := s.appendHead(nil, c, nil, time.Unix(1, 0)); !errors.Is(err, errControl) {
			t.Errorf("credentials %q: error %v", c.AccessKeyID+c.SessionToken, err)
		}
	}
}
