// Package assembly reads a cloud assembly: the folder, most often cdk.out, into
// which `cdk synth` writes the templates of an app. It reads the parts of
// manifest.json that the operator's commands use (the format is that of
// github.com/aws/aws-cdk-cli, package cloud-assembly-schema).
package assembly

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stack is a synthesized stack.
type Stack struct {
	Name string
	// Account and Region are where it is to be deployed; empty if that depends on
	// the credentials.
	Account, Region string
	Tags            map[string]string
	Template        []byte
}

// Read reads the stacks of an assembly and of the assemblies nested in it, by name.
func Read(dir string) ([]Stack, error) {
	file := filepath.Join(dir, "manifest.json")
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no manifest.json: run `npx cdk synth` first, or give the folder that it wrote to: %w", dir, os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	var manifest struct {
		Artifacts map[string]struct {
			Type        string
			Environment string
			Properties  struct {
				TemplateFile, StackName, DirectoryName string
				Tags                                   map[string]string
			}
		}
	}
	if err := json.Unmarshal(b, &manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var stacks []Stack
	for id, a := range manifest.Artifacts {
		switch a.Type {
		case "aws:cloudformation:stack":
			s := Stack{Name: a.Properties.StackName, Tags: a.Properties.Tags}
			if s.Name == "" {
				s.Name = id
			}
			s.Account, s.Region = environment(a.Environment)
			if s.Template, err = os.ReadFile(filepath.Join(dir, a.Properties.TemplateFile)); err != nil {
				return nil, fmt.Errorf("template of stack %s: %w", s.Name, err)
			}
			stacks = append(stacks, s)
		case "cdk:cloud-assembly":
			nested, err := Read(filepath.Join(dir, a.Properties.DirectoryName))
			if err != nil {
				return nil, err
			}
			stacks = append(stacks, nested...)
		}
	}
	slices.SortFunc(stacks, func(a, b Stack) int { return strings.Compare(a.Name, b.Name) })
	return stacks, nil
}

// environment reads aws://123456789012/eu-central-1, where unknown-account and
// unknown-region stand for those of the credentials.
func environment(uri string) (account, region string) {
	account, region, _ = strings.Cut(strings.TrimPrefix(uri, "aws://"), "/")
	return strings.TrimPrefix(account, "unknown-account"), strings.TrimPrefix(region, "unknown-region")
}
