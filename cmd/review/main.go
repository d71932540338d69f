// Command review converts the output of `cdk diff` to a comment for a pull request. The
// workflow .github/workflows/diff.yml runs it:
//
//	npx cdk diff --no-color --method=template 2>&1 | go run ./cmd/review -details <link> > comment.md
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"example.com/ingestion/internal/operator/review"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "review:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("review", flag.ContinueOnError)
	details := flags.String("details", "the run", "where the whole diff is, such as a link, for parts that do not fit in a comment")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stacks, err := review.Read(in)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, review.Markdown(stacks, *details))
	return err
}
