package local

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// IAMMode says what happens to requests of functions that the policies of their
// roles, and of the resources, do not allow.
type IAMMode string

// The modes. In both, every request of a function is judged: see
// local/aws/iam_enforcement.
const (
	IAMReported IAMMode = "report"  // they succeed, and are listed by Env.IAMReport
	IAMEnforced IAMMode = "enforce" // they are refused as in AWS
)

// IAMReport lists the requests of functions that were not allowed, the policy
// statements that allowed the others, and what the policies of the roles of functions
// that exist now allow without need so far.
type IAMReport struct {
	Refused []IAMRefusal
	Used    []IAMUse
	Unused  []IAMUnused
}

// IAMRefusal is a kind of request that was not allowed.
type IAMRefusal struct {
	Role     string // ARN of the role of the function, or the name of a service that delivers
	Action   string
	Resource string
	Message  string
	Count    int
}

// IAMUse is a policy statement of a role or resource that allowed requests.
type IAMUse struct {
	Role      string // ARN of the role of the function
	Statement string // name of the role and of its policy, or ARN of the resource; then # and the Sid or number
	Action    string
	Count     int
}

// IAMUnused is an action that a statement of a role allows and that no request needed.
type IAMUnused struct {
	Role      string // ARN of the role of the function
	Statement string // as in IAMUse
	Action    string // may have wildcards
	Resource  string // the resources of the statement
}

// IAMReport returns the report of all requests since Start.
func (e *Env) IAMReport(ctx context.Context) (IAMReport, error) {
	var r IAMReport
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Endpoint()+"/_local/iam-report", nil)
	if err != nil {
		return r, fmt.Errorf("IAM report: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return r, fmt.Errorf("IAM report: %w", err)
	}
	defer closeQuietly(resp.Body)
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return r, fmt.Errorf("IAM report: %w", err)
	}
	return r, nil
}
