package nemesis

import (
	"context"
)

func (f *fake) PauseClients(_ context.Context, name string, paused bool) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asleep[name] = paused && !f.lies.clientsGoOn || f.lies.clientsStay
	if f.lies.noClients {
		return 0, nil
	}
	return 2, nil
}

func (f *fake) ClientsPaused(name string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asleep[name], nil
}

func (f *fake) Carries() string {
	if f.lies.carriesNothing {
		return ""
	}
	return "a token"
}

func (f *fake) Kill(node string, lose bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.clientsLive {
		return
	}
	n := Deaths{Died: 2, Unanswered: 1, TakenOver: 2}
	if lose && !f.lies.tokenStays {
		n.Lost, n.Without = 1, 1
	}
	f.deaths[node] = f.deaths[node].Plus(n)
	if d := f.deaths[node]; d.Doomed == 0 {
		d.Doomed = 1
		f.deaths[node] = d
	}
}

func (f *fake) Spare(node string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.deaths[node]; !f.lies.clientsDieOn {
		d.Doomed = 0
		f.deaths[node] = d
	}
}

func (f *fake) Deaths(node string) Deaths {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deaths[node]
}
