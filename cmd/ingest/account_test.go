package main

import (
	"context"
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/testing/fakeaccount"
)

// account is a fake account that the command can connect to.
type account struct{ *fakeaccount.Account }

func (c account) connect(context.Context, connectOptions) (operator.Account, error) {
	return operator.Account{Config: c.Config, Stacks: c.Stacks}, nil
}

func newAccount(t *testing.T) account {
	t.Helper()
	return account{fakeaccount.New(t)}
}

func withUploads(t *testing.T) (account, ids.Upload) {
	t.Helper()
	c, broken := fakeaccount.WithUploads(t)
	return account{c}, broken
}

func at(hour, minute int) time.Time { return fakeaccount.At(hour, minute) }
