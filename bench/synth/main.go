// Command synth measures what an app of 1, 10 and 100 feeds costs to synthesize:
// time, size of the templates, resources. It is run by `make bench-synth`, in
// the root of the repository, after the functions are built.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

func main() {
	feeds := flag.Int("feeds", 0, "synthesize an app of so many feeds, once, and print what it took as JSON")
	full := flag.Bool("full", false, "each feed with alarms and a pipe into Snowflake")
	flag.Parse()
	var err error
	if *feeds > 0 {
		err = synthesize(*feeds, *full)
	} else {
		err = table()
	}
	if err != nil {
		log.Fatal(err)
	}
}

// result is what one app took.
type result struct {
	Seconds float64
	// Feed and Store are of the largest feed's stack and of the store's.
	Feed, Store size
}

type size struct {
	Resources int
	Bytes     int64
}

// table runs each app in a process of its own, as the cdk CLI does.
func table() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "app\tfeeds\tseconds\tms per feed beyond the first\tresources of a feed\tKB of its template\tresources of the store\t")
	for _, full := range []bool{false, true} {
		var one float64
		for _, n := range []int{1, 10, 100} {
			cmd := exec.Command(self, "-feeds", strconv.Itoa(n), "-full="+strconv.FormatBool(full))
			// As in cdk.json. Without it the CDK measures every file and pipe that it reads,
			// also those of jsii.
			cmd.Env = append(os.Environ(), "CDK_NO_PERF_BUILTINS=1")
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				return fmt.Errorf("%d feeds: %w", n, err)
			}
			var r result
			if err := json.Unmarshal(out, &r); err != nil {
				return fmt.Errorf("%d feeds: %w", n, err)
			}
			each := "-"
			if n == 1 {
				one = r.Seconds
			} else {
				each = fmt.Sprintf("%.0f", 1000*(r.Seconds-one)/float64(n-1))
			}
			name := map[bool]string{false: "plain", true: "alarms and pipe"}[full]
			fmt.Fprintf(w, "%s\t%d\t%.1f\t%s\t%d\t%.0f\t%d\t\n", name, n, r.Seconds, each, r.Feed.Resources, float64(r.Feed.Bytes)/1000, r.Store.Resources)
		}
	}
	return w.Flush()
}

// synthesize makes an app of n feeds in a folder of its own. The time is that
// of the process from its first line on: it includes starting jsii.
func synthesize(n int, full bool) (err error) {
	start := time.Now()
	dir, err := os.MkdirTemp("", "synth-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	context, err := featureFlags()
	if err != nil {
		return err
	}
	if err := app(dir, context, n, full); err != nil {
		return err
	}
	r := result{Seconds: time.Since(start).Seconds()}
	templates, err := filepath.Glob(filepath.Join(dir, "*.template.json"))
	if err != nil {
		return err
	}
	if len(templates) != n+1 {
		return fmt.Errorf("%d templates are there, not %d", len(templates), n+1)
	}
	for _, path := range templates {
		s, err := measure(path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(filepath.Base(path), "Store.") {
			r.Store = s
		} else if cmp.Compare(s.Bytes, r.Feed.Bytes) > 0 {
			r.Feed = s
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func app(dir string, context map[string]any, n int, full bool) (err error) {
	defer constructs.Close()
	defer constructs.CatchPanic(&err)
	architecture := constructs.X86
	if runtime.GOARCH == "arm64" {
		architecture = constructs.ARM64
	}
	connection := &constructs.SnowflakeConnection{Account: "myorg-myaccount", User: "INGESTION", Role: "INGESTION", Secret: "ingestion/snowflake"}
	// Built when they are not in the cache: that is not measured.
	storeProps := constructs.StoreProps{Architecture: architecture, LandingExpirationDays: 90}
	if full {
		storeProps.Snowflake = connection
		storeProps.Alarms = &constructs.StoreAlarmProps{Emails: []string{"data@example.com"}}
	}
	a := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Context: &context, Outdir: &dir})
	store, err := constructs.NewStore(awscdk.NewStack(a, jsii.String("Store"), nil), "Store", storeProps)
	if err != nil {
		return err
	}
	for i := range n {
		name := fmt.Sprintf("feed-%d", i)
		props := constructs.IngestionPipelineProps{
			Feed: name, Source: constructs.NewBucket(), Format: constructs.JSON(), Store: store, Architecture: architecture,
		}
		if full {
			props.Snowflake = &constructs.SnowflakeProps{Connection: connection, Database: "RAW", Schema: "PUBLIC", Table: strings.ReplaceAll(strings.ToUpper(name), "-", "_")}
		}
		id := fmt.Sprintf("Feed%d", i)
		if _, err := constructs.NewIngestionPipeline(awscdk.NewStack(a, &id, nil), id, props); err != nil {
			return err
		}
	}
	a.Synth(nil)
	return nil
}

// featureFlags are those of cdk.json, so that the templates are the ones that are deployed.
func featureFlags() (map[string]any, error) {
	b, err := os.ReadFile("cdk.json")
	if err != nil {
		return nil, err
	}
	var config struct{ Context map[string]any }
	if err := json.Unmarshal(b, &config); err != nil {
		return nil, fmt.Errorf("cdk.json: %w", err)
	}
	return config.Context, nil
}

func measure(path string) (size, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return size{}, err
	}
	var template struct{ Resources map[string]any }
	if err := json.Unmarshal(b, &template); err != nil {
		return size{}, fmt.Errorf("%s: %w", path, err)
	}
	return size{Resources: len(template.Resources), Bytes: int64(len(b))}, nil
}
