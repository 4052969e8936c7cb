package condition

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestReadme holds the tables of the README to those of the code.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, n := range environment {
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |\n", n.name, n.kind, n.meaning))
	}
	want = append(want, "\n")
	for _, f := range functions {
		want = append(want, fmt.Sprintf("| `%s` | %s |\n", f.name, f.meaning))
	}
	want = append(want, "\n")
	for _, p := range predicates {
		want = append(want, fmt.Sprintf("| `%s` | %s |\n", p.name, p.meaning))
	}
	for table := range strings.SplitSeq(strings.Join(want, ""), "\n\n") {
		if !strings.Contains(string(readme), "|---|\n"+strings.TrimSuffix(table, "\n")+"\n\n") {
			t.Errorf("README.md should have this table, no more and no less:\n%s", table)
		}
	}
	for _, operator := range truths {
		if !strings.Contains(string(readme), "`"+operator+"`") {
			t.Errorf("README.md should have the operator %s", operator)
		}
	}
	for _, method := range timeMethods {
		if !strings.Contains(string(readme), "`"+method+"(") {
			t.Errorf("README.md should have the method %s of times", method)
		}
	}
}
