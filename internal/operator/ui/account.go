package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/operator/snowflakeconn"
	"example.com/ingestion/internal/retry"
	"example.com/ingestion/internal/store/ledger"
)

const (
	// recent is the number of uploads of a feed on the page.
	recent = 8
	// rejectedFor is how long a rejected upload is shown as the state of its feed.
	rejectedFor = 7 * 24 * time.Hour
	// rowsInterval is the interval between two queries of Snowflake, loginInterval
	// between two attempts to log in. Neither needs a warehouse.
	rowsInterval  = 15 * time.Second
	loginInterval = 5 * time.Minute
)

// AccountSource is the Source of the feeds of an account and region.
type AccountSource struct {
	account   operator.Account
	getenv    func(string) string
	collector overview.Collector
	dynamo    *dynamodb.Client
	// last is the last state without an error of the list of stacks.
	last State

	// Other goroutines query Snowflake; Read does not wait for them.
	mu   sync.Mutex
	rows map[string]*Rows // by Feed.String
}

// NewAccountSource returns the Source of an account and region. With snowflake it also
// logs in to the Snowflake account of each feed, as snowflakeconn.Open does with
// getenv, and counts the rows. The sessions end with the context of the first Read.
func NewAccountSource(account operator.Account, getenv func(string) string, snowflake bool) *AccountSource {
	db := dynamodb.NewFromConfig(account.Config)
	a := &AccountSource{
		account: account, dynamo: db,
		collector: overview.Collector{Ledgers: db, Queues: sqs.NewFromConfig(account.Config), Now: time.Now},
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
	a.collector.Since = s.At.Add(-rejectedFor)
	feeds, err := a.collector.All(ctx, found)
	errs := []error{err}
	for i, f := range feeds {
		shown := Feed{Feed: f, Advice: advice(f), Recent: []overview.Upload{}, Reasons: []overview.Reason{}}
		if f.Error == "" {
			errs = append(errs, a.detail(ctx, found[i], &shown))
		}
		shown.Snowflake = a.snowflake(ctx, found[i])
		s.Feeds = append(s.Feeds, shown)
	}
	slices.SortStableFunc(s.Feeds, func(a, b Feed) int { return cmp.Compare(priority(a.State), priority(b.State)) })
	if err := errors.Join(errs...); err != nil {
		s.Error = operator.Explain(err)
	}
	a.last = s
	return s
}

// priority orders feeds on the page: those that need attention first.
func priority(s overview.State) int {
	order := []overview.State{overview.Failing, overview.Unknown, overview.Waiting, overview.Rejecting}
	if i := slices.Index(order, s); i >= 0 {
		return i
	}
	return len(order)
}

// advice is the remedy for a feed that needs attention.
func advice(f overview.Feed) string {
	switch f.State {
	case overview.Failing:
		return fmt.Sprintf("%d failed: `ingest doctor %s` finds the cause; after the fix, `ingest replay %s` retries them.", f.Failed, f.Feed, f.Feed)
	case overview.Rejecting:
		return fmt.Sprintf("%d rejected in the last 7 days: `ingest status %[2]s --state rejected` lists the files, `ingest quarantine %[2]s` the records with their reasons.", f.Rejected, f.Feed)
	case overview.Waiting:
		return fmt.Sprintf("No progress for %s: `ingest doctor %s` finds the cause.", overview.StillAfter, f.Feed)
	case overview.Unknown:
		return f.Error
	}
	return ""
}

// detail reads the newest uploads and the quarantine reasons of a feed.
func (a *AccountSource) detail(ctx context.Context, f operator.Feed, shown *Feed) error {
	uploads := ledger.New(a.dynamo, f.Output("Table"))
	var err error
	if shown.Recent, err = overview.Uploads(ctx, uploads, f.Name, overview.Filter{Limit: recent}); err != nil || shown.Quarantined == 0 {
		return err
	}
	counts := map[string]*overview.Reason{}
	err = uploads.Uploads(ctx, f.Name, func(u ledger.Upload) bool {
		for reason, n := range u.Reasons {
			if counts[reason] == nil {
				counts[reason] = &overview.Reason{Reason: reason}
			}
			counts[reason].Records += n
			counts[reason].Uploads++
		}
		return true
	})
	for _, r := range counts {
		shown.Reasons = append(shown.Reasons, *r)
	}
	slices.SortFunc(shown.Reasons, func(a, b overview.Reason) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), strings.Compare(a.Reason, b.Reason))
	})
	return err
}

// snowflake returns the last known number of the feed's rows, nil for a feed without
// a table in Snowflake. The first call for a feed starts to query it.
func (a *AccountSource) snowflake(ctx context.Context, f operator.Feed) *Rows {
	table := f.Output("SnowflakeTable")
	if table == "" || a.rows == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.rows[f.String()]
	if r == nil {
		r = &Rows{Table: table, Error: "not queried yet"}
		a.rows[f.String()] = r
		go a.ask(ctx, f)
	}
	if r.Table == "" {
		return nil
	}
	known := *r
	return &known
}

// ask queries the number of the feed's rows until ctx ends.
func (a *AccountSource) ask(ctx context.Context, f operator.Feed) {
	for ctx.Err() == nil {
		err := a.query(ctx, f)
		wait := loginInterval
		if errors.Is(err, snowflakeconn.ErrNoConnection) {
			wait = 100 * loginInterval // only a deployment changes that
		}
		a.set(f, nil, err)
		_ = retry.Wait(ctx, wait) // the loop checks whether ctx has ended
	}
}

func (a *AccountSource) query(ctx context.Context, f operator.Feed) (err error) {
	d, err := operator.OpenFeed(ctx, a.account, f)
	if err != nil {
		return err
	}
	conn, err := snowflakeconn.Open(ctx, d, a.getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if conn.Plan.Table == nil {
		// An external table: only a query with a warehouse could count its rows.
		a.mu.Lock()
		a.rows[f.String()] = &Rows{}
		a.mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	}
	for ctx.Err() == nil {
		// SHOW returns the number of rows without a warehouse.
		found, err := conn.Query(ctx, conn.Plan.Table.Describe())
		if err != nil {
			return err
		}
		for _, row := range found {
			if row.Text("name") != conn.Plan.Table.StoredName() {
				continue
			}
			n, err := strconv.ParseInt(row.Text("rows"), 10, 64)
			if err != nil {
				return fmt.Errorf("rows of %s: %w", conn.Plan.Table.Name(), err)
			}
			a.set(f, &n, nil)
		}
		_ = retry.Wait(ctx, rowsInterval)
	}
	return ctx.Err()
}

func (a *AccountSource) set(f operator.Feed, rows *int64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := &Rows{Table: f.Output("SnowflakeTable"), Rows: rows}
	if err != nil {
		r.Error = err.Error()
	}
	a.rows[f.String()] = r
}
