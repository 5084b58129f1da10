#!/usr/bin/env bash
# Watermill 1.5.1 (Go, messages), middleware.Deduplicator, seen 2026-11-30.
#
# A handler fails once, by a database that does not answer, and the message is delivered again, as it should be: the broker does so after a Nack,
# the middleware Retry by itself. With the Deduplicator around the handler the second delivery is taken for a duplicate: it is acknowledged,
# the handler is not called, and no error tells of it. The message is lost. So it is on the side that publishes: a Publish that failed is
# repeated, gives nil, and nothing was published. With Retry inside of the Deduplicator the work is done.
#
# Guess that it breaks: what is remembered is what was seen, not what was done, and it is remembered before it is done. At-least-once and "drops
# similar messages" together are thought to be exactly-once; with them a failure makes it at most once. The comments tell of
# windows, hashes and repositories, and do not speak of a handler that fails; the page on Pub/Sub says that a universal middleware for
# deduplication is not possible, and not what this one loses.
#
# Seen (how often the handler, that fails at first, was called; whether the work was done):
#   Nack and delivery again, alone:                  2 calls, done
#   Nack and delivery again, Deduplicator:           1 call, lost
#   Retry around the Deduplicator:                   1 call, lost
#   Deduplicator around Retry:                       2 calls, done
#   Publish again after an error, alone:             2 calls, done
#   Publish again after an error, Deduplicator:      1 call, lost; the second Publish gives no error
#
# Needs Go.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/watermill 2>/dev/null
go get github.com/ThreeDotsLabs/watermill@v1.5.1 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

var (
	asSeen = true
	errNow = errors.New("the database does not answer")
)

func check(name, got, want string) {
	fmt.Printf("%s: %s\n", name, got)
	asSeen = asSeen && got == want
}

// work fails at the first call and counts.
type work struct {
	calls int
	done  bool
}

func (w *work) do() error {
	w.calls++
	if w.calls == 1 {
		return errNow
	}
	w.done = true
	return nil
}

func (w *work) String() string {
	s := fmt.Sprintf("%d calls, ", w.calls)
	if w.calls == 1 {
		s = "1 call, "
	}
	if w.done {
		return s + "done"
	}
	return s + "lost"
}

// deliver has one message handled by a router on an in-memory channel, until that channel takes it for acknowledged.
func deliver(with ...message.HandlerMiddleware) (string, error) {
	logger := watermill.NopLogger{}
	channel := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, logger)
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: time.Second}, logger)
	if err != nil {
		return "", err
	}
	router.AddMiddleware(with...)
	w := &work{}
	router.AddNoPublisherHandler("h", "orders", channel, func(*message.Message) error { return w.do() })
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.Background()) }()
	<-router.Running()
	// Comes back when the message is acknowledged.
	if err := channel.Publish("orders", message.NewMessage(watermill.NewUUID(), []byte("order 1"))); err != nil {
		return "", err
	}
	if err := router.Close(); err != nil {
		return "", err
	}
	return w.String(), <-ended
}

// flaky is a publisher whose first Publish fails.
type flaky struct{ work *work }

func (f flaky) Publish(_ string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	return f.work.do()
}
func (f flaky) Close() error { return nil }

func publish(decorate message.PublisherDecorator) (string, error) {
	w := &work{}
	p, err := decorate(flaky{w})
	if err != nil {
		return "", err
	}
	order := func() *message.Message { return message.NewMessage("1", []byte("order 1")) }
	if err := p.Publish("orders", order()); !errors.Is(err, errNow) {
		return "", fmt.Errorf("the first Publish: %v", err)
	}
	second := p.Publish("orders", order())
	if second != nil {
		return "", second
	}
	if !w.done {
		return w.String() + "; the second Publish gives no error", nil
	}
	return w.String(), nil
}

func run() error {
	dedup := func() message.HandlerMiddleware { return (&middleware.Deduplicator{Timeout: time.Second}).Middleware }
	retry := middleware.Retry{MaxRetries: 3, InitialInterval: time.Millisecond}.Middleware
	for _, r := range []struct {
		name, want string
		with       []message.HandlerMiddleware
	}{
		{"Nack and delivery again, alone", "2 calls, done", nil},
		{"Nack and delivery again, Deduplicator", "1 call, lost", []message.HandlerMiddleware{dedup()}},
		{"Retry around the Deduplicator", "1 call, lost", []message.HandlerMiddleware{retry, dedup()}},
		{"Deduplicator around Retry", "2 calls, done", []message.HandlerMiddleware{dedup(), retry}},
	} {
		got, err := deliver(r.with...)
		if err != nil {
			return err
		}
		check(r.name, got, r.want)
	}
	got, err := publish(func(p message.Publisher) (message.Publisher, error) { return p, nil })
	if err != nil {
		return err
	}
	check("Publish again after an error, alone", got, "2 calls, done")
	got, err = publish((&middleware.Deduplicator{Timeout: time.Second}).PublisherDecorator())
	if err != nil {
		return err
	}
	check("Publish again after an error, Deduplicator", got, "1 call, lost; the second Publish gives no error")
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Println(err)
		asSeen = false
	}
	if !asSeen {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
timeout 900 go run .
