package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	gorilla "github.com/gorilla/websocket"
	"k8s.io/client-go/rest"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes/inpod"
)

// The channels of attach's protocol v4, by the first byte of each message.
const (
	attachProtocol = "v4.channel.k8s.io"
	channelIn      = 0
	channelOut     = 1
	channelErr     = 2
	channelStatus  = 3
)

// attachment is a hold on the input and output of an ephemeral container. When it is let go
// of, however that comes about, the container heals what it has broken, and ends.
type attachment struct {
	// pod is the uid of the pod that the container is in.
	pod  string
	conn *gorilla.Conn

	// asking is held while an answer is waited for, writing while something is written.
	asking, writing sync.Mutex
	answers         chan inpod.Answer
	// gone is closed when the connection has ended, because of why.
	gone chan struct{}
	why  error

	mu sync.Mutex
	// open is what was broken and not healed yet: the addresses of peers that are cut off, by the peers' names,
	// and the command that was done to the process, if any, with no address.
	open map[string]string
	// cause is why this side has ended it, and at when it ended.
	cause error
	at    time.Time
}

// process stands in open for what was done to the process of the database: no node has this name.
const process = ""

// attach takes hold of a container that runs.
func attach(ctx context.Context, config *rest.Config, namespace, pod, uid, container string) (*attachment, error) {
	conn, err := dial(ctx, config, namespace, pod, "attach", url.Values{"container": {container}, "stdin": {"true"}, "stdout": {"true"}})
	if err != nil {
		return nil, fmt.Errorf("attaching to the container %s of the pod %s: %w", container, pod, err)
	}
	a := &attachment{pod: uid, conn: conn, answers: make(chan inpod.Answer, 1), gone: make(chan struct{}), open: map[string]string{}}
	go a.read()
	go a.ping()
	return a, nil
}

// read passes answers on until the connection ends.
func (a *attachment) read() {
	defer close(a.gone)
	defer a.end(nil)
	var said lines
	for {
		_, message, err := a.conn.ReadMessage()
		if err != nil {
			a.why = errors.Join(a.why, err)
			return
		}
		if len(message) < 2 {
			continue
		}
		switch message[0] {
		case channelErr, channelStatus:
			a.why = fmt.Errorf("it says %q", message[1:min(len(message), mostQuoted)])
		case channelOut:
			answers, err := said.add(message[1:])
			for _, answer := range answers {
				select {
				case a.answers <- answer:
				default:
					a.why = errors.New("it answers what nobody has asked")
					return
				}
			}
			if err != nil {
				a.why = err
				return
			}
		}
	}
}

// ping keeps the container from taking this process for gone.
func (a *attachment) ping() {
	for {
		select {
		case <-a.gone:
			return
		case <-time.After(inpod.Silence / 6):
			a.look(context.Background())
		}
	}
}

// look asks whether all that was broken is so still, and ends the attachment if it is not. It returns when that is known.
func (a *attachment) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, inpod.Silence/6)
	defer cancel()
	if _, err := a.ask(ctx, inpod.Order{Command: inpod.Ping}); err != nil {
		a.end(err)
		<-a.gone
	}
}

// ask has an order carried out. An order whose answer did not come ends the attachment,
// so that no later one is taken for it.
func (a *attachment) ask(ctx context.Context, o inpod.Order) (inpod.Answer, error) {
	a.asking.Lock()
	defer a.asking.Unlock()
	text, err := json.Marshal(o)
	if err != nil {
		return inpod.Answer{}, err
	}
	a.writing.Lock()
	err = a.conn.WriteMessage(gorilla.BinaryMessage, append(append([]byte{channelIn}, text...), '\n'))
	a.writing.Unlock()
	if err != nil {
		return inpod.Answer{}, fmt.Errorf("the hold on the pod is lost: %w", err)
	}
	select {
	case answer := <-a.answers:
		switch {
		case answer.Unreachable:
			return answer, fmt.Errorf("%w: %s", cluster.ErrUnreachable, answer.Error)
		case answer.Error != "":
			return answer, errors.New(answer.Error)
		}
		return answer, a.note(o, answer)
	case <-a.gone:
		_, why := a.lost()
		return inpod.Answer{}, fmt.Errorf("the hold on the pod is lost: %w", why)
	case <-ctx.Done():
		a.end(fmt.Errorf("it does not answer: %w", ctx.Err()))
		return inpod.Answer{}, ctx.Err()
	}
}

// note keeps in mind what an order that was carried out has broken or healed. Its error says what
// should be broken, and is not any more.
func (a *attachment) note(o inpod.Order, answer inpod.Answer) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch o.Command {
	case cluster.CommandCut:
		for peer, addr := range o.Peers {
			a.open[peer], _, _ = net.SplitHostPort(addr) // as it was made
		}
	case cluster.CommandHeal:
		for peer := range o.Peers {
			delete(a.open, peer)
		}
	case cluster.CommandKill, cluster.CommandPause:
		a.open[process] = o.Command
	case cluster.CommandStart, cluster.CommandResume:
		delete(a.open, process)
	case inpod.Ping:
		for peer, addr := range a.open {
			if peer != process && !slices.Contains(answer.Dropped, addr) {
				return fmt.Errorf("what comes from %s at %s is not dropped by any rule any more", peer, addr)
			}
		}
	}
	return nil
}

// broken is what was broken and not healed, in words.
func (a *attachment) broken() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for peer, what := range a.open {
		if peer != process {
			what = "cut off from " + peer
		}
		out = append(out, what)
	}
	slices.Sort(out)
	return out
}

// end lets go, because of why; nil if it has ended or is needed no more.
func (a *attachment) end(why error) {
	a.mu.Lock()
	if a.at.IsZero() {
		a.at, a.cause = time.Now(), why
	}
	a.mu.Unlock()
	_ = a.conn.Close() // it may have ended
}

// lost is when and why it ended.
func (a *attachment) lost() (time.Time, error) {
	a.mu.Lock()
	at, why := a.at, a.cause
	a.mu.Unlock()
	if why == nil && a.ended() {
		why = a.why
	}
	if why == nil {
		why = errors.New("the connection has ended")
	}
	return at, why
}

// ended tells whether it is over.
func (a *attachment) ended() bool {
	select {
	case <-a.gone:
		return true
	default:
		return false
	}
}
