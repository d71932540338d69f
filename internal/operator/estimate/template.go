package estimate

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// Template is the synthesized template of one stack.
type Template struct {
	Stack     string
	Metadata  struct{ Ingestion map[string]description }
	Resources map[string]Resource
}

// description is the metadata of a feed in a template.
type description struct {
	Spec      feed.Spec
	Snowflake *snowflake.Spec
}

// Resource is a resource of a template.
type Resource struct {
	id         string
	Type       string
	Properties json.RawMessage
}

// ParseTemplate reads the template of a stack.
func ParseTemplate(stack string, body []byte) (Template, error) {
	t := Template{Stack: stack}
	if err := json.Unmarshal(body, &t); err != nil {
		return t, fmt.Errorf("template of stack %s: %w", stack, err)
	}
	for id, r := range t.Resources {
		r.id = id
		t.Resources[id] = r
	}
	return t, nil
}

// ReadAssembly reads the templates that `cdk synth` left in a folder, those of
// its stages too.
func ReadAssembly(dir string) ([]Template, error) {
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no manifest.json: run `npx cdk synth` first, or give the folder that it wrote to", dir)
	}
	if err != nil {
		return nil, err
	}
	var manifest struct {
		Artifacts map[string]struct {
			Type       string
			Properties struct{ TemplateFile, StackName, DirectoryName string }
		}
	}
	if err := json.Unmarshal(b, &manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "manifest.json"), err)
	}
	var templates []Template
	for id, a := range manifest.Artifacts {
		switch a.Type {
		case "aws:cloudformation:stack":
			name := a.Properties.StackName
			if name == "" {
				name = id
			}
			body, err := os.ReadFile(filepath.Join(dir, a.Properties.TemplateFile))
			if err != nil {
				return nil, fmt.Errorf("template of stack %s: %w", name, err)
			}
			t, err := ParseTemplate(name, body)
			if err != nil {
				return nil, err
			}
			templates = append(templates, t)
		case "cdk:cloud-assembly":
			more, err := ReadAssembly(filepath.Join(dir, a.Properties.DirectoryName))
			if err != nil {
				return nil, err
			}
			templates = append(templates, more...)
		}
	}
	slices.SortFunc(templates, func(a, b Template) int { return strings.Compare(a.Stack, b.Stack) })
	return templates, nil
}

// templateFeed is a feed with its resources.
type templateFeed struct {
	id string // prefix of the IDs of its resources
	description
	resources []Resource
}

var notAlphanumeric = regexp.MustCompile(`[^A-Za-z0-9]`)

// feeds returns the feeds of a template. In a stack with one feed, resources without the
// prefix of a feed belong to it, such as those that the CDK creates once per stack.
func (t Template) feeds() []templateFeed {
	var feeds []templateFeed
	for id, d := range t.Metadata.Ingestion {
		d.Spec = d.Spec.WithDefaults()
		feeds = append(feeds, templateFeed{id: notAlphanumeric.ReplaceAllString(id, ""), description: d})
	}
	slices.SortFunc(feeds, func(a, b templateFeed) int { return strings.Compare(a.Spec.Feed, b.Spec.Feed) })
	for _, r := range t.sorted() {
		if i := t.owner(feeds, r); i >= 0 {
			feeds[i].resources = append(feeds[i].resources, r)
		}
	}
	return feeds
}

// owner returns the index of the feed that a resource belongs to, or -1.
func (t Template) owner(feeds []templateFeed, r Resource) int {
	owner, length := -1, -1
	for i, f := range feeds {
		// With the IDs "A" and "AB" the longer one is the owner.
		if strings.HasPrefix(r.id, f.id) && len(f.id) > length {
			owner, length = i, len(f.id)
		}
	}
	if owner < 0 && len(feeds) == 1 {
		return 0
	}
	return owner
}

// shared returns the resources that belong to no feed.
func (t Template) shared() []Resource {
	feeds := t.feeds()
	var shared []Resource
	for _, r := range t.sorted() {
		if t.owner(feeds, r) < 0 {
			shared = append(shared, r)
		}
	}
	return shared
}

func (t Template) sorted() []Resource {
	var all []Resource
	for _, r := range t.Resources {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Resource) int { return strings.Compare(a.id, b.id) })
	return all
}

// read decodes properties of the resource into v. Fields for which the template has a
// token instead of a value are not changed.
func (r Resource) read(v any) {
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(r.Properties, v); err != nil && !errors.As(err, &wrong) {
		return
	}
}

// refers returns the logical ID in a Ref or Fn::GetAtt, or "".
func refers(raw json.RawMessage) string {
	var token struct {
		Ref    string
		GetAtt []string `json:"Fn::GetAtt"`
	}
	if json.Unmarshal(raw, &token) != nil {
		return ""
	}
	if len(token.GetAtt) > 0 {
		return token.GetAtt[0]
	}
	return token.Ref
}
