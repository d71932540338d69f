package client

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
)

// convert is the command that converts an RSA key to the format that ParseKey reads.
const convert = "openssl pkcs8 -topk8 -nocrypt -in key.pem -out key.p8"

// ParseKey reads a user's private key from a secret: PEM with an unencrypted
// PKCS#8 RSA key, or JSON with the PEM as "privateKey". Errors contain nothing of
// the secret.
// https://docs.snowflake.com/en/user-guide/key-pair-auth
func ParseKey(secret []byte) (*rsa.PrivateKey, error) {
	text := bytes.TrimSpace(secret)
	if bytes.HasPrefix(text, []byte("{")) {
		var wrapped struct {
			PrivateKey string `json:"privateKey"`
		}
		if json.Unmarshal(text, &wrapped) != nil || wrapped.PrivateKey == "" {
			return nil, errors.New(`the secret looks like JSON but has no text "privateKey"; it must be {"privateKey": "<PEM>"} or the PEM itself`)
		}
		text = []byte(wrapped.PrivateKey)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the secret has no PEM block; it must start with -----BEGIN PRIVATE KEY----- and keep its line breaks")
	}
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, fmt.Errorf("the key is encrypted, and no passphrase is available; store it decrypted: %s", convert)
	case block.Type == "RSA PRIVATE KEY":
		return nil, fmt.Errorf("the key is PKCS#1 (%s), the driver needs PKCS#8; convert it: %s", block.Type, convert)
	case block.Type == "PUBLIC KEY":
		return nil, errors.New("the secret has the public key; it must have the private key")
	case block.Type != "PRIVATE KEY":
		return nil, fmt.Errorf("the PEM block is a %s, not a PRIVATE KEY; convert it: %s", block.Type, convert)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the key is damaged; create it again: %s", convert)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the key is a %T, Snowflake supports RSA keys only: openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt -out key.p8", parsed)
	}
	return key, nil
}

// Fingerprint returns the fingerprint of a key, as DESC USER shows it in
// RSA_PUBLIC_KEY_FP.
func Fingerprint(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.StdEncoding.EncodeToString(sum[:]), nil
}
