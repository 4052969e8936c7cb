package keys

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/drainline/drainline/services/internal/topology"
)

// PrintUsers writes users with their permissions as nats-server's configuration has them in
// an account. Their public keys are the variables of keys.conf.
func PrintUsers(w io.Writer, users []topology.User) error {
	var b strings.Builder
	b.WriteString("# Who may do what, for an account of nats-server's configuration: `drainline streams permissions` prints it.\n" +
		"# The public keys are from `drainline keys`.\n" +
		"include \"keys/keys.conf\"\n\nusers = [\n")
	for _, u := range users {
		fmt.Fprintf(&b, "  {\n    nkey: $%s\n    permissions: {\n", variable(u.Name))
		allow(&b, "publish", u.Publish)
		allow(&b, "subscribe", u.Subscribe)
		b.WriteString("    }\n  }\n")
	}
	b.WriteString("]\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("printing the users: %w", err)
	}
	return nil
}

func allow(b *strings.Builder, what string, subjects []string) {
	fmt.Fprintf(b, "      %s: {allow: [\n", what)
	for _, s := range slices.Sorted(slices.Values(subjects)) {
		b.WriteString("        " + strconv.Quote(s) + "\n")
	}
	b.WriteString("      ]}\n")
}

// variable is the name of a user's public key in keys.conf.
func variable(user string) string { return strings.ToUpper(user) }
