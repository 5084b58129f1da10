package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	gorilla "github.com/gorilla/websocket"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport/websocket"
)

// dial opens a stream to something below a pod, such as attach. It needs no more than that ctx is not done when it
// begins.
func dial(ctx context.Context, config *rest.Config, namespace, pod, sub string, query url.Values) (*gorilla.Conn, error) {
	transport, holder, err := websocket.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	u, err := podURL(config, namespace, pod, sub, query)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	conn, err := websocket.Negotiate(transport, holder, request, attachProtocol)
	if err == nil {
		conn.SetReadLimit(mostMessage)
	}
	return conn, err
}

func podURL(config *rest.Config, namespace, pod, sub string, query url.Values) (string, error) {
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return "", err
	}
	u := base.JoinPath("api/v1/namespaces", namespace, "pods", pod, sub)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// status is how a command in a container has ended.
type status struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// execute runs a command in a container, whose output goes to out, until it has ended.
func execute(ctx context.Context, config *rest.Config, namespace, pod, container string, command []string, out io.Writer) error {
	doing := fmt.Sprintf("running %q in the pod %s", command, pod)
	conn, err := dial(ctx, config, namespace, pod, "exec", url.Values{"container": {container}, "command": command, "stdout": {"true"}, "stderr": {"true"}})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer func() { _ = conn.Close() }() // it has been read to its end
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	c := spoken{out: out}
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			return fmt.Errorf("%s: %w", doing, errors.Join(ctx.Err(), err))
		}
		if ended, err := c.hear(message); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		} else if ended {
			return nil
		}
	}
}

// spoken is what a command says: its output goes to out, of its errors the beginning is kept.
type spoken struct {
	out  io.Writer
	said []byte
}

// mostErrors bounds what is kept of a command's errors.
const mostErrors = 2000

// hear takes a message, and tells whether the command has ended well; its error is another end.
func (c *spoken) hear(message []byte) (ended bool, err error) {
	if len(message) == 0 {
		return false, nil
	}
	switch text := message[1:]; message[0] {
	case channelOut:
		_, err = c.out.Write(text)
	case channelErr:
		c.said = append(c.said, text[:min(len(text), mostErrors-len(c.said))]...)
	case channelStatus:
		var s status
		if err := json.Unmarshal(text, &s); err != nil {
			return false, fmt.Errorf("its end cannot be read: %w", err)
		}
		if s.Status != "Success" {
			return false, fmt.Errorf("%s: %s", s.Message, c.said)
		}
		return true, nil
	}
	return false, err
}

// sofar copies what a container has said so far, or what it said before it was started again.
func sofar(ctx context.Context, config *rest.Config, namespace, pod, container string, before bool, out io.Writer) error {
	answer, err := logOf(ctx, config, namespace, pod, url.Values{"container": {container}, "previous": {strconv.FormatBool(before)}})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }() // it was only read
	_, err = io.Copy(out, answer)
	return err
}

// follow copies what a container says to out, but for the first skip bytes, until it has ended or the
// connection has, and returns how much there was in all, and whether there was a connection.
func follow(ctx context.Context, config *rest.Config, namespace, pod, container string, skip int64, out io.Writer) (n int64, open bool, err error) {
	answer, err := logOf(ctx, config, namespace, pod, url.Values{"container": {container}, "follow": {"true"}})
	if err != nil {
		return skip, false, err
	}
	defer func() { _ = answer.Close() }() // it was only read
	if _, err := io.CopyN(io.Discard, answer, skip); err != nil {
		return skip, true, err
	}
	n, err = io.Copy(out, answer)
	return skip + n, true, err
}

// logOf is what a container says; whoever reads it closes it.
func logOf(ctx context.Context, config *rest.Config, namespace, pod string, query url.Values) (io.ReadCloser, error) {
	endless := rest.CopyConfig(config)
	endless.Timeout = 0
	client, err := rest.HTTPClientFor(endless)
	if err != nil {
		return nil, err
	}
	u, err := podURL(config, namespace, pod, "log", query)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		const most = 1000
		text, err := io.ReadAll(io.LimitReader(answer.Body, most))
		return nil, errors.Join(fmt.Errorf("%s: %s", answer.Status, text), err, answer.Body.Close())
	}
	return answer.Body, nil
}
