package workloads

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// hotWorkload is register with a few keys that get most of the load, and with
// the usual cure: a hot key is spread over several salted ones.
func hotWorkload() Workload {
	const optionSkew, optionSalt, defaultKeys = "skew", "salt", 64
	d := &definition{
		name:      "hot",
		summary:   "register with skewed keys: a few get most of the load, or are spread over salted keys",
		models:    []string{models.Linearizable, models.ReadYourWrites, models.MonotonicReads, models.NoLostWrites},
		needs:     Needs{Funcs: []history.Func{history.Read, history.Write}, MaxTxn: 1},
		weights:   map[string]int{kindRead: 2, kindWrite: 1, kindCAS: 1},
		kindNeeds: map[string]history.Func{kindCAS: history.CAS},
		options: []Option{
			{Name: optionSkew, Default: "1.1", Help: "the exponent of Zipf's law: 0 is an even load, 1 and more a hot key"},
			{Name: optionSalt, Default: "1", Help: "over how many keys each logical key is spread"},
		},
		opsPerKey: 200,
		glances:   true,
	}
	d.build = func(cfg Config) (Generator, error) {
		skew, err := d.number(cfg, optionSkew, 0, 10)
		if err != nil {
			return nil, err
		}
		salt, err := d.integer(cfg, optionSalt, 1, 1024)
		if err != nil {
			return nil, err
		}
		logical := cfg.Keys
		if logical == 0 {
			logical = defaultKeys
		}
		if logical > maxKeys/salt {
			return nil, usagef("workload hot: %d keys of %d salted ones each are more than %d", logical, salt, maxKeys)
		}
		cfg.Keys = logical * salt
		z := newZipf(logical, skew)
		g := newRegister(cfg, newPool(sharedShape(cfg).everybody()), func(r *rand.Rand, _ int) int {
			return z.draw(r)*salt + r.IntN(salt)
		})
		return &hot{register: g, attributes: map[string]string{
			"keys": strconv.Itoa(logical), optionSalt: strconv.Itoa(salt), optionSkew: strconv.FormatFloat(skew, 'g', -1, 64),
		}}, nil
	}
	return d
}

// hot is a register with attributes: key k belongs to the logical key
// (k mod keys*salt) / salt, of which 0 is the hottest.
type hot struct {
	*register
	attributes map[string]string
}

func (g *hot) Attributes() map[string]string { return g.attributes }

// Placed implements Placer.
func (g *hot) Placed() []history.Key {
	return g.pool.used(maxPlaced)
}

// maxPlaced is how many keys' places are recorded at most.
const maxPlaced = 2048

// zipf draws ranks 0..n-1 with probabilities proportional to 1/(rank+1)^s.
// math/rand/v2 has one for s > 1 only.
type zipf struct{ upTo []float64 }

func newZipf(n int, s float64) zipf {
	z := zipf{make([]float64, n)}
	sum := 0.0
	for i := range z.upTo {
		sum += math.Pow(float64(i+1), -s)
		z.upTo[i] = sum
	}
	return z
}

func (z *zipf) draw(r *rand.Rand) int {
	i, _ := slices.BinarySearch(z.upTo, r.Float64()*z.upTo[len(z.upTo)-1])
	return min(i, len(z.upTo)-1)
}
