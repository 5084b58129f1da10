package formats

import (
	"strings"
	"testing"
)

// TestKinds reads what Jepsen's workloads and Clojure's printer make.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		o          Options
		taken      string
		want       string
	}{
		{"history.txt", "0\t:invoke\t:write\t3\n:nemesis\t:info\t:start\tnil\n0\t:info\t:write\t3\tjava.net.SocketTimeoutException: Read\n\tat java.net\n1\t:invoke\t:read\tnil\n1\t:ok\t:read\t3\n", Options{}, "register",
			"s0 p0 info write(x 3) !java.net.SocketTimeoutException: Read\ns1 p1 ok read(x)=3\n"},
		{"kafka", `{:process 0 :type :invoke :f :subscribe :value [1 2]}
{:process 0 :type :ok :f :subscribe :value [1 2]}
{:process 0 :type :invoke :f :txn :value [[:send 1 10] [:poll]]}
{:process 0 :type :ok :f :txn :value [[:send 1 [4 10]] [:poll {1 [[3 9] [4 10]], 2 []}]]}
{:process 0 :type :invoke :f :send :value [[:send 2 11]]}
{:process 0 :type :info :f :send :value [[:send 2 11]] :error :timeout}
{:process 1 :type :invoke :f :poll :value [[:poll]]}
{:process 1 :type :ok :f :poll :value [[:poll {}]]}
{:process 1 :type :invoke :f :assign :value []}
{:process 1 :type :ok :f :assign :value []}
{:process 2 :type :invoke :f :crash :value nil}
{:process 2 :type :info :f :crash :value nil}`, Options{}, "logs",
			`s0 p0 ok subscribe(1 1) subscribe(2 1)
s0 p0 ok send(1 10)@4 poll(1)=[3:9 4:10] poll(2)=[]
s0 p0 info send(2 11) !timeout
s1 p1 ok poll(1)=[]
s1 p1 ok assign(1 0)
`},
		{"a set that is cleared", `{:process 0 :type :invoke :f :add :value ["k" 1]}
{:process 0 :type :ok :f :add :value ["k" 1]}
{:process 0 :type :invoke :f :clear :value ["k" nil]}
{:process 0 :type :ok :f :clear :value ["k" nil]}
{:process 0 :type :invoke :f :read :value ["k" nil]}
{:process 0 :type :ok :f :read :value ["k" #{}]}`, Options{}, "set, independent keys",
			"s0 p0 ok add(k 1)\ns0 p0 ok clear(k 0)\ns0 p0 ok read-set(k)=[]\n"},
		{"logs from the beginning", `{:process 0 :type :invoke :f :assign :value [1 2] :seek-to-beginning? true}
{:process 0 :type :ok :f :assign :value [1 2] :seek-to-beginning? true}
{:process 0 :type :invoke :f :assign :value [1 2] :seek-to-beginning? true}
{:process 0 :type :ok :f :assign :value [2 3]}
{:process 0 :type :invoke :f :assign :value [1] :seek-to-beginning? true}
{:process 0 :type :ok :f :assign}
{:process 0 :type :invoke :f :assign :value [1] :seek-to-beginning? true}
{:process 0 :type :ok :f :assign :value [1] :seek-to-beginning? false}
{:process 0 :type :invoke :f :assign :value [1]}
{:process 0 :type :ok :f :assign :value [1] :seek-to-beginning? nil}
{:process 0 :type :invoke :f :assign :value [] :seek-to-beginning? true}
{:process 0 :type :ok :f :assign :value [] :seek-to-beginning? true}
{:process 0 :type :invoke :f :subscribe :value [1] :seek-to-beginning? true}
{:process 0 :type :ok :f :subscribe :value [1] :seek-to-beginning? true}
{:process 0 :type :invoke :f :assign :value [1] :seek-to-beginning? true}`, Options{}, "logs",
			`s0 p0 ok assign(1 2) assign(2 2)
s0 p0 ok assign(2 2) assign(3 2)
s0 p0 ok assign(1 2)
s0 p0 ok assign(1 1)
s0 p0 ok assign(1 1)
s0 p0 ok assign(1 0)
s0 p0 ok subscribe(1 1)
s0 p0 info assign(1 2)
`},
		{"locks", `{:process 0 :type :invoke :f :acquire :value nil}
{:process 0 :type :ok :f :acquire :value {:client "n1" :fence 7}}
{:process 0 :type :invoke :f :release :value {:client "n1"}}
{:process 0 :type :fail :f :release :value {:client "n1"}}
{:process 1 :type :invoke :f :acquire :value 2}
{:process 1 :type :ok :f :acquire :value 2}
{:process 2 :type :invoke :f :lock}
{:process 2 :type :ok :f :lock :value 9}`, Options{}, "lock",
			`s0 p0 ok acquire(x by "n1" token 7)
s0 p0 fail release(x by "n1")
s1 p1 ok acquire(x permits 2)
s2 p2 ok acquire(x token 9)
`},
		{"Adya's inserts", `{:process 0 :type :invoke :f :insert :value [5 [nil 2]]}
{:process 1 :type :invoke :f :insert :value [5 [1 nil]]}
{:process 0 :type :ok :f :insert :value [5 [nil 2]]}
{:process 1 :type :fail :f :insert :value [5 [1 nil]] :error :too-late}`, Options{}, "transactions",
			`s0 p0 ok read(5/a)=absent read(5/b)=absent write(5/b 2)
s1 p1 fail read(5/a)=? read(5/b)=? write(5/a 1) !too-late
`},
		{"compare-and-sets with their name", `{:process 0 :type :invoke :f :cas :value [5 [:cas 1 2]]}
{:process 0 :type :ok :f :cas :value [5 [:cas 1 2]]}`, Options{}, "register, independent keys",
			"s0 p0 ok cas(5 1->2)\n"},
		{"transactions under independent keys", `{:process 0 :type :invoke :f :txn :value [7 [[:append x 1] [:r y nil]]]}
{:process 0 :type :ok :f :txn :value [7 [[:append x 1] [:r y []]]]}`, Options{}, "transactions on lists, independent keys",
			`s0 p0 ok append(7/x 1) read-list(7/y)=[]
`},
		{"what Clojure prints besides", `^{:line 1} {:process 0 :type :invoke :f :write :value #"a\"b" :time 0x10 :x 'q :y \newline :z #'user/v}
#jepsen.history.Op{:process 0, :type :ok, :f :write, :value #"a\"b", :exception #error{:via [#object[a.B 0x1 "t"]]}, :at #inst "2020-01-01"}
{:process 0 :type :invoke :f :write :value #uuid "1-2" :n 1/2 :m 2r11 :w "\q"}
{:process 0 :type :ok :f :write :value #uuid "1-2"}`, Options{}, "register",
			`s0 p0 ok write(x "#\"a\\\"b\"")
s0 p0 ok write(x "#uuid \"1-2\"")
`},
		{"what is no word in each place of a line", `{:process #my.Proc{:id 1} :type :invoke :f :write :value 5 :time #inst "2020-01-01" 7 8 [a] b nil nil #{1} #object[a.B 0x1 "t"]}
{:process :nemesis :type :info :f [:kill #{n1}] :value #object[a.B 0x1 "t"]}
{:process #my.Proc{:id 1} :type :ok :f :write :value 5 :time 1.5 #my.Key{} 9}
{:process 3/4 :type :invoke :f :read :value nil :time ##NaN}
{:process 3/4 :type :ok :f :read :value 5 :time 99999999999999999999 :index #uuid "1-2"}`, Options{}, "register",
			`s0 p0 ok write(x 5)
s1 p1 ok read(x)=5
`},
		{"additions of other elements, never read", `{:process 0 :type :invoke :f :add :value 1}
{:process 0 :type :ok :f :add :value 1}
{:process 0 :type :invoke :f :add :value 2}`, Options{}, "set",
			`s0 p0 ok add(x 1)
s0 p0 info add(x 2)
`},
		{"additions of one", `{:process 0 :type :invoke :f :add :value 1}
{:process 0 :type :ok :f :add :value 1}
{:process 0 :type :invoke :f :add :value 1}`, Options{}, "counter",
			`s0 p0 ok increment(x 1)
s0 p0 info increment(x 1)
`},
		{"additions of one, as a set", `{:process 0 :type :invoke :f :add :value 1}
{:process 0 :type :ok :f :add :value 1}
{:process 0 :type :invoke :f :add :value 1}`, Options{Type: TypeSet}, "set",
			`s0 p0 ok add(x 1)
s0 p0 info add(x 1)
`},
		{"a lock, whatever is said", `{:process 0 :type :invoke :f :acquire}
{:process 0 :type :ok :f :acquire}`, Options{Type: TypeRegister}, "lock",
			`s0 p0 ok acquire(x)
`},
		{"a lock with reads, as a register", `{:process 0 :type :invoke :f :acquire}
{:process 0 :type :ok :f :acquire}
{:process 0 :type :invoke :f :read}
{:process 0 :type :ok :f :read :value 1}`, Options{Type: TypeRegister}, "register",
			`s0 p0 ok acquire(x)
s0 p0 ok read(x)=1
`},
		{"decrements", `{:process 0 :type :invoke :f :increment}
{:process 0 :type :ok :f :increment :value nil}
{:process 0 :type :invoke :f :decrement :value 3}
{:process 0 :type :ok :f :decrement :value 3}
{:process 0 :type :invoke :f :read}
{:process 0 :type :ok :f :read :value -2}`, Options{}, "counter",
			`s0 p0 ok increment(x 1)
s0 p0 ok increment(x -3)
s0 p0 ok read-counter(x)=-2
`},
		{"maps with their entries in another order", `{:process 0 :type :invoke :f :write :value {:b #{2 1} :a 1}}
{:process 0 :type :ok :f :write}
{:process 0 :type :invoke :f :read}
{:process 0 :type :ok :f :read :value {:a 1 :b #{1 2}}}`, Options{}, "register",
			`s0 p0 ok write(x "{:a 1 :b #{1 2}}")
s0 p0 ok read(x)="{:a 1 :b #{1 2}}"
`},
		{"a nemesis of another name", `{:process :chaos :type :info :f :start}
{:process 0 :type :invoke :f :read}
{:process 0 :type :ok :f :read :value nil}`, Options{Nemesis: []string{"chaos"}}, "register",
			`s0 p0 ok read(x)=absent
`},
		{"completions without what was written", `{:process 0 :type :invoke :f :write :value [1 2]}
{:process 0 :type :ok :f :write :value [1 nil]}
{:process 0 :type :invoke :f :cas :value [1 [2 3]]}
{:process 0 :type :ok :f :cas :value [1 true]}`, Options{}, "register, independent keys",
			`s0 p0 ok write(1 2)
s0 p0 ok cas(1 2->3)
`},
		{"a pair without a key is a value", `{:process 0 :type :invoke :f :cas :value [nil [1 2]]}
{:process 0 :type :ok :f :cas :value [nil [1 2]]}
{:process 0 :type :invoke :f :write :value [3 4]}
{:process 0 :type :ok :f :write :value [3 4]}`, Options{}, "register",
			`s0 p0 ok cas(x absent->"[1 2]")
s0 p0 ok write(x "[3 4]")
`},
		{"registers of vectors in transactions", `{:process 0 :type :invoke :f :txn :value [[:w x [1 2]]]}
{:process 0 :type :ok :f :txn :value [[:w x [1 2]]]}
{:process 1 :type :invoke :f :txn :value [[:r x nil]]}
{:process 1 :type :ok :f :txn :value [[:r x [1 2]]]}`, Options{}, "transactions on registers",
			`s0 p0 ok write(x "[1 2]")
s1 p1 ok read(x)="[1 2]"
`},
	} {
		h, _, err := readBytes("f", []byte(c.text), c.o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := h.Header.Attributes[AttributeType]; got != c.taken {
			t.Errorf("%s: taken for %q (%s), want %q", c.name, got, h.Header.Attributes[AttributeTypeWhy], c.taken)
		}
		if got := dump(h); got != c.want {
			t.Errorf("%s: got\n%s", c.name, got)
		}
	}
}

// TestRefused names the way out.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		o    Options
		want string
	}{
		{"{:process :chaos :type :info :f :start}", Options{}, "--nemesis"},
		{"{:process 0 :type :invoke :f :add :value 1}\n{:process 0 :type :ok :f :add :value 1}\n{:process 0 :type :invoke :f :read}\n{:process 0 :type :ok :f :read :value 1}", Options{Type: TypeSet}, "--type register|set|counter|list|bank"},
		{"{:process 0 :type :invoke :f :txn :value [[:w x 1]]}\n{:process 0 :type :ok :f :txn :value [[:w x 2]]}", Options{}, "f:2: expected the completion to have the micro-operations of its invocation"},
		{"{:process 0 :type :invoke :f :write :value [x 1]}\n{:process 0 :type :ok :f :write :value [y 1]}", Options{}, "f:2: expected the completion to be of the key of its invocation, found [y 1]"},
		{"{:process 0 :type :invoke :f :read :value [7 nil]}\n{:process 0 :type :ok :f :read :value 5}", Options{}, "f:2: expected the completion to be of the key of its invocation, found 5"},
		{"{}", Options{Type: "tree"}, `no type of history "tree"`},
	} {
		if _, _, err := readBytes("f", []byte(c.text), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}
