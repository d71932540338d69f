package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Forms of output.
const (
	outputTable  = "table"
	outputJSON   = "json"
	outputNDJSON = "ndjson"
	outputCSV    = "csv"
)

// errData marks an error that reports a problem with the data; the command itself
// succeeded. run prints it without a prefix, after the results; the exit code is 1.
var errData = errors.New("problem with the data")

type dataError struct{ error }

func (e dataError) Is(target error) bool { return target == errData }
func (e dataError) Unwrap() error        { return e.error }

// badData is fmt.Errorf for a problem that a verb has found in the data: errors.Is
// finds errData in it.
func badData(format string, args ...any) error { return dataError{fmt.Errorf(format, args...)} }

// formsAnnotation is the annotation of a verb that has other forms of output than
// table and json: their names, the default first, empty for none.
const formsAnnotation = "output-forms"

// forms sets the forms of a verb.
func forms(names ...string) map[string]string {
	return map[string]string{formsAnnotation: strings.Join(names, ",")}
}

func formsOf(cmd *cobra.Command) []string {
	names, ok := cmd.Annotations[formsAnnotation]
	switch {
	case !ok:
		return []string{outputTable, outputJSON}
	case names == "":
		return nil
	}
	return strings.Split(names, ",")
}

// outputFlag adds --output for all verbs.
func (c *command) outputFlag(root *cobra.Command) {
	root.PersistentFlags().StringVarP(&c.output, "output", "o", "", "form of the result: table (default) or json; records: ndjson (default), json, csv; query: also csv; logs: text (default), ndjson")
	// It fails only for a flag that does not exist.
	_ = root.RegisterFlagCompletionFunc("output", func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return formsOf(cmd), cobra.ShellCompDirectiveNoFileComp
	})
}

func (c *command) checkOutput(cmd *cobra.Command) error {
	allowed := formsOf(cmd)
	switch {
	case !cmd.Flags().Changed("output"):
		c.output = append(allowed, outputTable)[0]
		return nil
	case len(allowed) == 0:
		return fmt.Errorf("--output %q: %s has no other form of output", c.output, cmd.CommandPath())
	case !slices.Contains(allowed, c.output):
		last := len(allowed) - 1
		return fmt.Errorf("--output %q: %s prints %s or %s", c.output, cmd.CommandPath(), strings.Join(allowed[:last], ", "), allowed[last])
	}
	return nil
}

// print prints the result of a verb: v as indented JSON with --output json, else the
// tables and lines that asTable adds. Nothing is printed if asTable fails.
func (c *command) print(cmd *cobra.Command, v any, asTable func(t *table) error) error {
	if c.output == outputJSON {
		return printJSON(cmd.OutOrStdout(), v)
	}
	t := &table{colors: colored(cmd.OutOrStdout())}
	if err := asTable(t); err != nil {
		return err
	}
	_, err := io.WriteString(cmd.OutOrStdout(), t.String())
	return err
}

// printJSON prints v as indented JSON, without escaping <, > and &.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// terminal reports whether w is a terminal, and how wide it is.
func terminal(w any) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return width, true
}

// colored reports whether to use colors on w: on a terminal, unless NO_COLOR is set
// (https://no-color.org).
func colored(w any) bool {
	_, ok := terminal(w)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// printable is s with control characters escaped, so that a key or a record cannot
// move the cursor of a terminal or change its colors.
func printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unprintable(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unprintable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unprintable reports whether r is a control character or changes the direction of text.
func unprintable(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// shortened is s cut to n characters, the last of them an ellipsis if it was longer.
func shortened(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
