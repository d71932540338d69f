// Package review parses the output of `cdk diff` and writes it as Markdown for a code
// review: replaced and deleted resources first, then changes of IAM, then the remainder.
package review

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Stack is the difference of one stack.
type Stack struct {
	Name string
	// Added, Changed and Removed count resources.
	Added, Changed, Removed int
	// Dangers are the resources that are or may be replaced or deleted.
	Dangers []Danger
	// Security is the part of the output about IAM and security groups.
	Security string
	// Text is the whole output for the stack.
	Text string
	// Same is true if there is no difference.
	Same bool
}

// Danger is a resource that is or may be replaced or deleted.
type Danger struct {
	// Type is the CloudFormation type, Path the CDK path: AWS::S3::Bucket,
	// Orders/SourceBucket.
	Type, Path string
	// Impact is the impact that cdk prints: replace, may be replaced, destroy, orphan.
	Impact string
}

// HoldsData reports whether data may be lost with the resource.
func (d Danger) HoldsData() bool {
	switch d.Type {
	case "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::SQS::Queue", "AWS::KMS::Key",
		"Custom::SnowflakeObjects", "Custom::SnowflakeIntegration":
		return true
	}
	return false
}

// ErrNoStack is for a text that is not the output of cdk diff, or ends before the first
// stack because cdk failed.
var ErrNoStack = errors.New("no line begins with \"Stack \": did `cdk diff` fail?")

var (
	stackLine    = regexp.MustCompile(`^Stack (\S.*)$`)
	resourceLine = regexp.MustCompile(`^\[([-+~])\] (\S+::\S+) (\S+)(?: (\S+))?(?: (replace|may be replaced|destroy|orphan|delete))?$`)
)

// securityHeadings begin the parts of Security.
var securityHeadings = []string{"IAM Statement Changes", "IAM Policy Changes", "Security Group Changes"}

// Read parses the output of `cdk diff --no-color` for one or more stacks.
func Read(r io.Reader) ([]Stack, error) {
	var (
		stacks   []Stack
		lines    = bufio.NewScanner(r)
		security bool
	)
	lines.Buffer(nil, 16<<20) // a policy may be printed on one line
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), " \r")
		if m := stackLine.FindStringSubmatch(line); m != nil {
			stacks = append(stacks, Stack{Name: m[1]})
			security = false
			continue
		}
		if len(stacks) == 0 || strings.HasPrefix(line, "✨") {
			continue
		}
		s := &stacks[len(stacks)-1]
		s.Text += line + "\n"
		if line == "There were no differences" {
			s.Same = true
		}
		switch {
		case isHeading(line):
			security = true
		case line == "":
			security = false
		}
		if security {
			s.Security += line + "\n"
		}
		s.count(line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the diff: %w", err)
	}
	if len(stacks) == 0 {
		return nil, ErrNoStack
	}
	for i := range stacks {
		stacks[i].Text = strings.Trim(stacks[i].Text, "\n")
		stacks[i].Security = strings.Trim(stacks[i].Security, "\n")
	}
	return stacks, nil
}

func isHeading(line string) bool {
	for _, heading := range securityHeadings {
		if line == heading {
			return true
		}
	}
	return false
}

func (s *Stack) count(line string) {
	m := resourceLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	kind, path, impact := m[2], m[3], m[5]
	switch m[4] {
	case "destroy", "orphan", "replace", "delete":
		// A resource that was removed from the app has an ID, but no path.
		impact = m[4]
	}
	switch m[1] {
	case "+":
		s.Added++
	case "-":
		s.Removed++
	default:
		s.Changed++
	}
	if impact != "" {
		s.Dangers = append(s.Dangers, Danger{Type: kind, Path: path, Impact: impact})
	}
}
