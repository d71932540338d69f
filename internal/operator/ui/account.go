package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
)

// rejectedFor is how long a rejected upload is shown as the state of its feed.
const rejectedFor = 7 * 24 * time.Hour

// AccountSource is the Source of the feeds of an account and region.
type AccountSource struct {
	account   operator.Account
	getenv    func(string) string
	collector overview.Collector
	dynamo    *dynamodb.Client
	sqs       *sqs.Client
	// InApp, if it is set, reports which feeds the CDK app has, see operator.InApp.
	InApp func([]operator.Feed) []*bool
	// last is the last state without an error of the list of stacks.
	last State

	// Other goroutines query Snowflake, the failure queues and the templates; Read does
	// not wait for them.
	mu       sync.Mutex
	rows     map[string]*Rows         // by Feed.String, like all of these
	failures map[string]*failedEvents // of failing feeds
	sources  map[string]*sources
}

// NewAccountSource returns the Source of an account and region. With snowflake it also
// logs in to the Snowflake account of each feed, as snowflakeconn.Open does with
// getenv, and counts the rows. The sessions end with the context of the first Read.
func NewAccountSource(account operator.Account, getenv func(string) string, snowflake bool) *AccountSource {
	db, queues := dynamodb.NewFromConfig(account.Config), sqs.NewFromConfig(account.Config)
	a := &AccountSource{
		account: account, dynamo: db, sqs: queues,
		collector: overview.Collector{Ledgers: db, Queues: queues, Now: time.Now},
		failures:  map[string]*failedEvents{}, sources: map[string]*sources{},
	}
	if snowflake {
		a.getenv, a.rows = getenv, map[string]*Rows{}
	}
	return a
}

// Read implements Source.
func (a *AccountSource) Read(ctx context.Context) State {
	s := State{Account: "AWS region " + a.account.Config.Region, At: time.Now().UTC(), Feeds: []Feed{}}
	if endpoint := a.account.Config.BaseEndpoint; endpoint != nil {
		s.Account += " at " + *endpoint
	}
	found, err := operator.Feeds(ctx, a.account.Stacks)
	if err != nil {
		s.Error = operator.Explain(err)
		if a.last.Feeds != nil {
			s.Feeds = a.last.Feeds
		}
		s.Figures = a.last.Figures
		return s
	}
	s.Figures = s.At
	summaries := map[string]*summary{}
	for _, f := range found {
		summaries[f.String()] = newSummary(s.At)
	}
	a.collector.Since = s.At.Add(-rejectedFor)
	a.collector.Visit = func(f operator.Feed, u ledger.Upload) { summaries[f.String()].add(u) }
	feeds, err := a.collector.All(ctx, found)
	if a.InApp != nil {
		for i, contained := range a.InApp(found) {
			feeds[i].InApp = contained
		}
	}
	for i, f := range feeds {
		s.Feeds = append(s.Feeds, a.feed(ctx, found, i, f, summaries[found[i].String()]))
	}
	slices.SortStableFunc(s.Feeds, func(a, b Feed) int { return cmp.Compare(priority(a.State), priority(b.State)) })
	if err != nil {
		s.Error = operator.Explain(err)
	}
	a.last = s
	return s
}

// feed completes the state of found[i]. A feed that cannot be read keeps its last
// figures.
func (a *AccountSource) feed(ctx context.Context, found []operator.Feed, i int, f overview.Feed, sum *summary) Feed {
	shown := Feed{Feed: f, Sources: []string{}, Problems: []Problem{}, Recent: []overview.Upload{}, Reasons: []overview.Reason{}, Hours: []Hour{}}
	command := commandName(found, i)
	if f.Error != "" {
		if k := slices.IndexFunc(a.last.Feeds, func(l Feed) bool { return l.Stack == f.Stack && l.Feed.Feed == f.Feed }); k >= 0 {
			shown = a.last.Feeds[k]
			shown.State, shown.Problems, shown.MoreProblems = f.State, []Problem{}, 0
			if shown.FiguresOf == nil && shown.Error == "" {
				figures := a.last.Figures
				shown.FiguresOf = &figures
			}
		}
		shown.Error = operator.Explain(errors.New(f.Error))
		shown.Advice, shown.Commands = "This feed cannot be read.", []string{"ingest doctor " + command}
		return shown
	}
	sum.fill(&shown)
	shown.Advice, shown.Commands = advice(f, command)
	switch f.State {
	case overview.Failing:
		shown.Problems = a.failed(ctx, found[i], f.Failed, command)
		shown.MoreProblems = max(0, f.Failed-int64(len(shown.Problems)))
	case overview.Rejecting:
		shown.Problems = rejected(sum.rejected, command)
		shown.MoreProblems = max(0, f.Rejected-int64(len(shown.Problems)))
	}
	shown.Sources = a.sourcesOf(ctx, found[i])
	shown.Snowflake = a.snowflake(ctx, found[i])
	return shown
}

// commandName is how commands name found[i]: by its own name, if that is unambiguous.
func commandName(found []operator.Feed, i int) string {
	for k, f := range found {
		if k != i && (f.Name == found[i].Name || f.Stack == found[i].Name) {
			return found[i].String()
		}
	}
	return found[i].Name
}

// priority orders feeds on the page: those that need attention first.
func priority(s overview.State) int {
	order := []overview.State{overview.Failing, overview.Unknown, overview.Rejecting, overview.Waiting}
	if i := slices.Index(order, s); i >= 0 {
		return i
	}
	return len(order)
}

// advice describes what is wrong with a feed that needs attention, with the commands
// that find the cause and fix it.
func advice(f overview.Feed, name string) (text string, commands []string) {
	switch f.State {
	case overview.Failing:
		return fmt.Sprintf("%s failed. Find the cause; after the fix, retry:", count(f.Failed, "event")), []string{"ingest doctor " + name, "ingest replay " + name}
	case overview.Rejecting:
		return fmt.Sprintf("%s rejected in the last 7 days: none of their records could be stored. List the files, and the records with their reasons:", count(f.Rejected, "file")),
			[]string{"ingest status " + name + " --state rejected", "ingest quarantine " + name}
	case overview.Waiting:
		return fmt.Sprintf("No progress for %d minutes. Find the cause:", int(overview.StillAfter.Minutes())), []string{"ingest doctor " + name}
	}
	return "", nil
}

// count formats a number with its noun.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
