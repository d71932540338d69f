package stackscope

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Digest is the first n bytes of the SHA-256 hash of text, as hexadecimal digits.
func Digest(text string, n int) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:n])
}

// JSON is v as JSON. It is for structs that marshal without fail.
func JSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Object is v as an object of JSON, which is what jsii and CloudFormation take.
func Object(v any) map[string]any {
	var m map[string]any
	if err := json.Unmarshal([]byte(JSON(v)), &m); err != nil {
		panic(err)
	}
	return m
}

// Optional is text for the CDK, nil for an empty one.
func Optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// EscapeIAM escapes what has a meaning in the resource of a policy: *, ? and $.
func EscapeIAM(text string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(text)
}
