package bus

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// urlAs is where somebody with a password connects.
func (s *testServer) urlAs(user, password string) string {
	return strings.Replace(s.url(), "://", "://"+user+":"+password+"@", 1)
}

func TestUserIsWhomTheServerKnows(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "alice", Password: "p"},
			{Username: "bob", Password: "p", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{userInfo}}}},
		}
	})
	url := func(user string) string { return s.urlAs(user, "p") }
	if name, err := dial(t, url("alice")).User(soon(t)); err != nil || name != "alice" {
		t.Errorf("%q, %v", name, err)
	}
	bob := dial(t, url("bob"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if name, err := bob.User(ctx); err == nil {
		t.Errorf("%q, who may not ask", name)
	}
	if err := bob.Healthy(); err != nil {
		t.Errorf("not being told who he is counts against him: %v", err)
	}
	if name, err := dial(t, startServer(t).url()).User(soon(t)); err != nil || name != "" {
		t.Errorf("%q of a server that knows nobody, %v", name, err)
	}
}
