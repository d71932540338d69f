package batchwrite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// transientError is the error of a request that may succeed when it is retried.
type transientError struct {
	throttled bool
	err       error
}

func (e *transientError) Error() string { return e.err.Error() }
func (e *transientError) Unwrap() error { return e.err }

// errRejected means that DynamoDB will never accept the request as it is.
var errRejected = errors.New("rejected by DynamoDB")

// allProcessed is the usual response, as DynamoDB writes it.
var allProcessed = []byte(`{"UnprocessedItems":{}}`)

// unprocessed returns a request for the unprocessed items of a response, nil if there are none.
func unprocessed(body []byte) (request, error) {
	if bytes.Equal(body, allProcessed) {
		return nil, nil
	}
	var out struct {
		UnprocessedItems map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return nil, &transientError{err: fmt.Errorf("response is not JSON: %w", err)}
	}
	if len(out.UnprocessedItems) == 0 {
		return nil, nil
	}
	next, err := json.Marshal(map[string]any{"RequestItems": out.UnprocessedItems})
	if err != nil {
		return nil, err
	}
	return newRequest(next), nil
}

// responseError classifies an error response, see "Error handling with DynamoDB".
func responseError(status int, body []byte) error {
	var out struct {
		Type         string `json:"__type"`
		Message      string `json:"message"`
		MessageUpper string `json:"Message"`
	}
	if err := json.Unmarshal(body, &out); err != nil {
		out.Message = string(body[:min(len(body), 200)])
	}
	code := out.Type[strings.LastIndexByte(out.Type, '#')+1:]
	if out.Message == "" {
		out.Message = out.MessageUpper
	}
	err := fmt.Errorf("BatchWriteItem: status %d %s: %s", status, code, out.Message)
	switch code {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded", "LimitExceededException":
		return &transientError{throttled: true, err: err}
	case "ValidationException", "ItemCollectionSizeLimitExceededException", "SerializationException":
		return fmt.Errorf("%w: %w", errRejected, err)
	case "ExpiredTokenException", "ExpiredToken", "TransactionInProgressException", "InternalServerError", "ServiceUnavailable":
		return &transientError{err: err}
	}
	// A signature whose time is too old or too new has one of these codes ("Common error
	// codes"), as one that is wrong for another reason.
	switch code {
	case "InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestInTheFuture":
		return fmt.Errorf("%w: %w", errTime, err)
	case "RequestExpired":
		return &transientError{err: fmt.Errorf("%w: %w", errTime, err)}
	}
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return &transientError{throttled: status == http.StatusTooManyRequests, err: err}
	}
	return err
}
