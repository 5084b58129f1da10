package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/local"
)

// Message is what is told, and to whom.
type Message struct {
	// To is the text of the hook.
	To string `json:"to"`
	// Dir is the directory in which a command is run.
	Dir string `json:"dir"`
	// Body is the finding, one JSON document.
	Body []byte `json:"body"`
	// Env are variables for a command, as KEY=value.
	Env []string `json:"env"`
}

// Deliver tells a message, and returns when ctx is done at the latest, but for the time in
// which a command ends that is killed. Its errors repeat neither a URL nor a command.
type Deliver func(ctx context.Context, m Message) error

// Direct delivers from this process: it runs the command, or asks the URL.
func Direct(ctx context.Context, m Message) error {
	h, err := Parse(m.To)
	switch {
	case err != nil:
		return err
	case h == nil:
		return nil
	case h.command != "":
		return run(ctx, h.command, m)
	}
	u, err := h.url()
	if err != nil {
		return err
	}
	return post(ctx, u, m.Body)
}

// post sends body to u. Redirections are not followed: who is told is who was named.
func post(ctx context.Context, u *url.URL, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("its URL cannot be asked")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "lapse")
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err // without the URL
	}
	if err != nil {
		return fmt.Errorf("asking %s://%s: %w", u.Scheme, u.Host, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("%s://%s answers %d %s", u.Scheme, u.Host, res.StatusCode, http.StatusText(res.StatusCode))
	}
	return nil
}

// endTimeout bounds the end of a command that is killed.
const endTimeout = 5 * time.Second

// run runs a command with the finding as its standard input. All that it started ends with
// it, or with this process.
func run(ctx context.Context, line string, m Message) error {
	out, err := external.Output()
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	in, feed, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("running the command: %w", err)
	}
	defer func() { _ = feed.Close() }()
	p, err := local.Attach(cluster.Command{Path: "/bin/sh", Args: []string{"-c", line}, Dir: m.Dir, Env: append(os.Environ(), m.Env...)}, in, out, out)
	_ = in.Close()
	if err != nil {
		return errors.New("the command cannot be started")
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = feed.Write(m.Body) // a command need not read it
		_ = feed.Close()
	}()
	select {
	case <-p.Exited():
	case <-ctx.Done():
		err = fmt.Errorf("the command did not end in time: %w", ctx.Err())
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	killErr := p.Kill(end)
	_ = feed.Close() // if something still holds the other end
	<-fed
	if err == nil && p.Status() != nil {
		err = fmt.Errorf("the command failed: %w%s", p.Status(), external.Said(out))
	}
	return errors.Join(err, killErr)
}
