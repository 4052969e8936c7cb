package door

import (
	"slices"
	"sync"
	"time"
)

// UnknownDrain is a drain that sends although the configuration does not list it.
type UnknownDrain struct {
	Token string `json:"token"`
	// Credential is the one that let its last request in, App what that named.
	Credential string    `json:"credential"`
	App        string    `json:"app,omitempty"`
	FirstSeen  time.Time `json:"first_seen"`
	LastSeen   time.Time `json:"last_seen"`
	Requests   int       `json:"requests"`
	// Frames are those it sent, stored or not.
	Frames int `json:"frames"`
}

// maxUnknown bounds the drains that are remembered: whoever has a credential can
// make tokens up.
const maxUnknown = 1000

// unknowns remember the drains that are not listed and sent last.
type unknowns struct {
	mu     sync.Mutex
	drains map[string]UnknownDrain
}

// see is told of every request of a drain that is not listed.
func (u *unknowns) see(q *request, frames int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	d, ok := u.drains[q.who.drainToken]
	if !ok {
		u.makeRoom()
		d = UnknownDrain{Token: q.who.drainToken, FirstSeen: q.received}
	}
	d.Credential, d.App, d.LastSeen = q.Credential, q.named(), q.received
	d.Requests++
	d.Frames += frames
	u.drains[d.Token] = d
}

// makeRoom forgets the drain that has been silent for longest.
func (u *unknowns) makeRoom() {
	if u.drains == nil {
		u.drains = map[string]UnknownDrain{}
	}
	if len(u.drains) < maxUnknown {
		return
	}
	var oldest UnknownDrain
	for _, d := range u.drains {
		if oldest.Token == "" || d.LastSeen.Before(oldest.LastSeen) {
			oldest = d
		}
	}
	delete(u.drains, oldest.Token)
}

// forget drops the drains that are listed by now.
func (u *unknowns) forget(listed map[string]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for token := range u.drains {
		if _, ok := listed[token]; ok {
			delete(u.drains, token)
		}
	}
}

// all are the drains, the one that sent last first.
func (u *unknowns) all() []UnknownDrain {
	u.mu.Lock()
	defer u.mu.Unlock()
	drains := make([]UnknownDrain, 0, len(u.drains))
	for _, d := range u.drains {
		drains = append(drains, d)
	}
	slices.SortFunc(drains, func(a, b UnknownDrain) int { return b.LastSeen.Compare(a.LastSeen) })
	return drains
}
