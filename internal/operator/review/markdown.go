package review

import (
	"fmt"
	"strings"
)

// Marker begins the comment. The next run finds the comment by it and updates it.
const Marker = "<!-- ingestion: cdk diff -->"

// maxComment is the maximum length of a comment on GitHub, 65,536 characters, less a
// margin.
const maxComment = 65_000

// Markdown writes the stacks as one comment. A part that does not fit is left out with a
// note that refers to details, such as a link to the run.
func Markdown(stacks []Stack, details string) string {
	var b strings.Builder
	changed := 0
	for _, s := range stacks {
		if !s.Same {
			changed++
		}
	}
	fmt.Fprintf(&b, "%s\n## `cdk diff`: %d of %d stacks change\n\n", Marker, changed, len(stacks))
	if changed == 0 {
		b.WriteString("This branch changes nothing that is deployed.\n")
		return b.String()
	}
	writeDangers(&b, stacks)
	writeSummary(&b, stacks)
	writeSecurity(&b, stacks)
	b.WriteString("### All changes\n\n")
	for _, s := range stacks {
		if s.Same {
			continue
		}
		block := fmt.Sprintf("<details><summary>%s</summary>\n\n%s\n</details>\n\n", s.Name, fenced(s.Text))
		if b.Len()+len(block) > maxComment {
			fmt.Fprintf(&b, "%s: too long for a comment (%d lines), see %s.\n\n", s.Name, strings.Count(s.Text, "\n")+1, details)
			continue
		}
		b.WriteString(block)
	}
	return b.String()
}

func writeDangers(b *strings.Builder, stacks []Stack) {
	title := "### Replaced or deleted\n\n"
	for _, holdsData := range []bool{true, false} {
		for _, s := range stacks {
			for _, d := range s.Dangers {
				if d.HoldsData() != holdsData {
					continue
				}
				b.WriteString(title)
				title = ""
				note := ""
				if holdsData {
					note = " — **it may hold data**"
				}
				fmt.Fprintf(b, "- **%s**: %s `%s` (%s)%s\n", d.Impact, s.Name, d.Path, d.Type, note)
			}
		}
	}
	if title == "" {
		b.WriteString("\n")
	}
}

func writeSummary(b *strings.Builder, stacks []Stack) {
	b.WriteString("| stack | added | changed | removed | replaced or deleted | IAM |\n|---|---:|---:|---:|---:|---|\n")
	for _, s := range stacks {
		if s.Same {
			continue
		}
		iam := ""
		if s.Security != "" {
			iam = "changes"
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %s |\n", s.Name, s.Added, s.Changed, s.Removed, len(s.Dangers), iam)
	}
	b.WriteString("\n")
}

func writeSecurity(b *strings.Builder, stacks []Stack) {
	title := "### IAM\n\n"
	for _, s := range stacks {
		if s.Security == "" {
			continue
		}
		b.WriteString(title)
		title = ""
		block := fmt.Sprintf("%s\n\n%s\n\n", s.Name, fenced(s.Security))
		if b.Len()+len(block) > maxComment*2/3 {
			fmt.Fprintf(b, "%s: too long, see below or the run.\n\n", s.Name)
			continue
		}
		b.WriteString(block)
	}
}

// fenced is text in a code block with a fence that the text does not contain.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + text + "\n" + fence
}
