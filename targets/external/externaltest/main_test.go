package externaltest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/internal/ports"
	"github.com/lapse-test/lapse/targets/cluster"
)

// binary is lapse, built by TestMain.
var binary string

// envProbe has this test binary be an operator's probe: it names the address to
// ask over HTTP.
const envProbe = "LAPSE_TEST_PROBE"

func TestMain(m *testing.M) {
	if addr := os.Getenv(envProbe); addr != "" {
		os.Exit(probe(addr))
	}
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lapse-external-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "lapse")
	if err := sideBySide(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/lapse-test/lapse/cmd/lapse").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building lapse, which needs the Go tool: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// sideBySide lets four tests that say so run at once, unless -parallel says another number: they wait for clusters that have little to do, whatever the number of
// processors.
func sideBySide() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", "4")
}

// probe exits with 0 if addr answers.
func probe(addr string) int {
	client := &http.Client{Timeout: 700 * time.Millisecond, Transport: &http.Transport{Proxy: nil}}
	answer, err := client.Get("http://" + addr + "/health")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_ = answer.Body.Close()
	return 0
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// freePorts are ports on which nobody listens, and nobody but a server of the test can until it has ended.
func freePorts(t testing.TB, n int) []string {
	t.Helper()
	var free []string
	for range n {
		r, err := ports.Reserve()
		must(t, err)
		t.Cleanup(r.Release)
		free = append(free, strconv.Itoa(r.Port()))
	}
	return free
}

// process is something that a test started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	log  string
}

// start starts a process that ends with the test.
func start(t testing.TB, log string, cmd *exec.Cmd) *process {
	t.Helper()
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	must(t, err)
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	must(t, cmd.Start())
	p := &process{cmd: cmd, done: make(chan struct{}), log: log}
	go func() {
		_ = cmd.Wait() // how it ends does not matter
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // all that it started
		<-p.done
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("--- %s\n%s", log, text[max(0, len(text)-2000):])
		}
	})
	return p
}

// await waits until ok returns nil, or p ends.
func await(t testing.TB, what string, ok func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	must(t, cluster.Await(ctx, what, ok))
}

// result is how a command line of lapse ended.
type result struct {
	code           int
	stdout, stderr string
	out            string
	took           time.Duration
}

// lapse runs one command line in a directory of runs of its own, with some more
// variables in its environment.
func lapse(t testing.TB, env []string, args ...string) result {
	t.Helper()
	r := result{out: filepath.Join(t.TempDir(), "runs")}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append(args, "--out", r.out)...)
	cmd.Env = append(cleanEnvironment(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	r.code, r.stdout, r.stderr, r.took = cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), time.Since(began)
	return r
}

// longer are the durations of a run's second and third try.
var longer = []string{"15s", "45s"}

// decided is lapse for a run that is to end with want. One that had too little evidence, or
// in which an expected violation did not show, is made again for longer: what a busy machine
// gets through in a few seconds is no matter of right or wrong.
func decided(t testing.TB, want int, env []string, args ...string) result {
	t.Helper()
	r := lapse(t, env, args...)
	for _, d := range longer {
		if r.code != 2 && !(want == 1 && r.code == 0) {
			break
		}
		t.Logf("exit %d, and once more for %s\n%s", r.code, d, r.stdout)
		r = lapse(t, env, append(slices.Clone(args), "--duration", d)...)
	}
	return r
}

// cleanEnvironment has none of the variables that say who connects.
func cleanEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "PG") || strings.HasPrefix(kv, "AWS_") || strings.HasPrefix(kv, "LAPSE_CASSANDRA") || strings.HasPrefix(kv, "LAPSE_REDIS") || strings.HasPrefix(kv, "LAPSE_ETCD") || strings.HasPrefix(kv, "LAPSE_NATS")
	})
}

// expect compares the exit code, and looks for words.
func (r result) expect(t testing.TB, code int, words ...string) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit %d, want %d\n%s\n%s", r.code, code, r.stdout, r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.stdout+r.stderr, w) {
			t.Errorf("it does not say %q:\n%s\n%s", w, r.stdout, r.stderr)
		}
	}
	return r
}

// summary is what the tests read of run.json.
type summary struct {
	Load struct {
		OK     int `json:"ok"`
		Faults struct{ Injected, Bit, Healed int }
	} `json:"load"`
	Assessment struct {
		Verdicts []struct {
			Model   string   `json:"model"`
			Status  string   `json:"status"`
			Reasons []string `json:"reasons"`
		} `json:"verdicts"`
	} `json:"assessment"`
}

func (r result) summary(t testing.TB) summary {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.out, "latest", "run.json"))
	must(t, err)
	var s summary
	must(t, json.Unmarshal(b, &s))
	return s
}

// verdict is the status of a model.
func (r result) verdict(t testing.TB, model string) string {
	t.Helper()
	for _, v := range r.summary(t).Assessment.Verdicts {
		if v.Model == model {
			return v.Status
		}
	}
	return "none"
}

// tookEffect checks that so many faults were injected, took effect and healed.
func (r result) tookEffect(t testing.TB, least int) {
	t.Helper()
	if f := r.summary(t).Load.Faults; f.Injected < least || f.Bit != f.Injected || f.Healed != f.Injected {
		t.Errorf("faults: %+v\n%s", f, r.stderr)
	}
}

// keeps looks for a secret in everything that a command line wrote.
func (r result) keeps(t testing.TB, secret string) {
	t.Helper()
	if strings.Contains(r.stdout+r.stderr, secret) {
		t.Errorf("the secret was printed:\n%s\n%s", r.stdout, r.stderr)
	}
	files := 0
	err := filepath.WalkDir(r.out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(secret)) {
			t.Errorf("the secret is in %s", path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	t.Logf("looked for the secret in %d files", files)
}

// authority is a certificate authority of the test's own.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, dir string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lapse test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	a := &authority{dir, cert, key}
	a.write(t, "ca.pem", "CERTIFICATE", der, 0o644)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(t testing.TB, name, kind string, der []byte, mode fs.FileMode) {
	t.Helper()
	must(t, os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode))
}

// server makes server.pem and server.key for this machine.
func (a *authority) server(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	must(t, err)
	private, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	a.write(t, "server.pem", "CERTIFICATE", der, 0o644)
	a.write(t, "server.key", "EC PRIVATE KEY", private, 0o600)
	pair, err := tls.LoadX509KeyPair(a.file("server.pem"), a.file("server.key"))
	must(t, err)
	return pair
}

// forward passes connections on to addr: encrypted ones if cert is given, and none
// while open says no. It returns where it listens.
func forward(t testing.TB, addr string, cert *tls.Certificate, open func() bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	if cert != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*cert}})
	}
	t.Cleanup(func() { l.Close() })
	where := l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go passOn(c, addr, open)
		}
	}()
	return where
}

func passOn(c net.Conn, addr string, open func() bool) {
	defer c.Close()
	out, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer out.Close()
	ended := make(chan struct{}, 2)
	one := func(to, from net.Conn) {
		_, _ = io.Copy(gate{to, open}, from) // ends with either connection
		ended <- struct{}{}
	}
	go one(out, c)
	go one(c, out)
	<-ended
}

// gate swallows what comes while it is shut; the connection is of no use then.
type gate struct {
	to   io.Writer
	open func() bool
}

func (g gate) Write(p []byte) (int, error) {
	if !g.open() {
		for range 100 {
			time.Sleep(50 * time.Millisecond)
			if g.open() {
				return 0, errors.New("something was lost")
			}
		}
		return 0, errors.New("cut")
	}
	return g.to.Write(p)
}

func always() bool { return true }
