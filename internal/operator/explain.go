package operator

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// explain adds the way out to an error of AWS, where there is one.
func explain(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode() {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return fmt.Errorf("%w: the credentials have expired: sign in again, such as with `aws sso login`", err)
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch":
		return fmt.Errorf("%w: AWS does not know these credentials: is it the right --profile?", err)
	case "AccessDenied", "AccessDeniedException":
		return fmt.Errorf("%w: allow these credentials cloudformation:DescribeStacks and cloudformation:GetTemplate", err)
	}
	return err
}
