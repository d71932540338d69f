// Package review reads what `cdk diff` prints and writes it for a code review:
// what is replaced or deleted first, then what changes in IAM, then the rest.
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
	// Dangers are the resources that are replaced or deleted, or may be.
	Dangers []Danger
	// Security is what cdk prints of IAM and of security groups, as it prints it.
	Security string
	// Text is the whole difference of the stack as cdk prints it.
	Text string
	// Same says that there is no difference.
	Same bool
}

// Danger is a resource that does not stay what it is.
type Danger struct {
	// Type and Path are CloudFormation's and the CDK's: AWS::S3::Bucket, Orders/SourceBucket.
	Type, Path string
	// Impact is cdk's word: replace, may be replaced, destroy, orphan.
	Impact string
}

// HoldsData reports whether data may go with the resource.
func (d Danger) HoldsData() bool {
	switch d.Type {
	case "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::SQS::Queue", "AWS::KMS::Key",
		"Custom::SnowflakeObjects", "Custom::SnowflakeIntegration":
		return true
	}
	return false
}

// ErrNoStack means that the text is not what cdk prints, or that cdk failed
// before it came to the first stack.
var ErrNoStack = errors.New("no line of it begins with \"Stack \": did `cdk diff` fail?")

var (
	stackLine    = regexp.MustCompile(`^Stack (\S.*)$`)
	resourceLine = regexp.MustCompile(`^\[([-+~])\] (\S+::\S+) (\S+)(?: (\S+))?(?: (replace|may be replaced|destroy|orphan|delete))?$`)
)

// headings of what Security holds.
var securityHeadings = []string{"IAM Statement Changes", "IAM Policy Changes", "Security Group Changes"}

// Read reads the output of `cdk diff --no-color`, of one stack or of several.
func Read(r io.Reader) ([]Stack, error) {
	var (
		stacks   []Stack
		lines    = bufio.NewScanner(r)
		security bool
	)
	lines.Buffer(nil, 16<<20) // a policy may be printed in one line
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
		// A resource that is gone from the app has no path any more, only its ID.
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
